// out[o] = saturate_EO(round((sum_v in[v]*weight[o][v] + bias[class][o]) / 2^SHIFT)), the sum in ACC bits. A vector of V
// elements of E bits (signed if IS_SIGNED) comes in SF = ceil(V/SIMD) beats and is kept for NF = OUT/PE output folds:
// OH*OW*NF*SF cycles per frame.
module blendir_fixed_mvu #(
  parameter int OH = 1,
  parameter int OW = 1,
  parameter int V = 1,
  parameter int SIMD = 1,
  parameter int PE = 1,
  parameter int OUT = 1,
  parameter int RY = 1,
  parameter int RX = 1,
  parameter int E = 8,
  parameter int IS_SIGNED = 1,
  parameter int WB = 8,
  parameter int BB = 8,
  parameter int ACC = 16,
  parameter int SHIFT = 0,
  parameter int ROUND = 0,
  parameter int EO = 8,
  parameter WEIGHTS_FILE = "",
  parameter WEIGHTS_STYLE = "distributed",
  parameter BIAS_FILE = "",
  parameter ROW_CLASS_FILE = "",
  parameter COLUMN_CLASS_FILE = ""
) (
  input  logic clk,
  input  logic rst,
  input  logic [SIMD*E-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [PE*EO-1:0] out_data,
  output logic out_valid,
  input  logic out_ready
);
  localparam int SF = (V + SIMD - 1) / SIMD;
  localparam int NF = OUT / PE;
  localparam int BS = SF > 1 ? $clog2(SF) : 1;
  localparam int BN = NF > 1 ? $clog2(NF) : 1;
  localparam int BT = SF * NF > 1 ? $clog2(SF * NF) : 1;
  localparam int LINES = RY * RX * NF;
  localparam int BL = LINES > 1 ? $clog2(LINES) : 1;
  localparam int X = IS_SIGNED != 0 ? E : E + 1;
  localparam int PRODUCT = X + WB;
  localparam int SUM = PRODUCT + $clog2(SIMD);
  localparam int WIDE = ACC > SUM ? ACC : SUM;
  localparam int TOTAL = (ACC > BB ? ACC : BB) + 1;
  localparam int ADDING = ($clog2(SIMD) + 1) / 2;  // cycles
  localparam int LATENCY = ADDING + 5;

  // Cycle 0: a beat is taken.
  logic advance, fresh, step;
  logic [BS-1:0] sf;
  logic [BN-1:0] nf;
  logic [BT-1:0] tile;
  logic [BL-1:0] index;
  assign advance = !out_valid || out_ready;
  assign fresh = nf == '0;
  assign step = advance && (!fresh || in_valid) && !rst;
  assign in_ready = advance && fresh && !rst;
  blendir_mvu_position #(
    .SF(SF), .NF(NF), .OH(OH), .OW(OW), .RY(RY), .RX(RX), .INDEX_STAGES(ADDING + 2),
    .ROW_CLASS_FILE(ROW_CLASS_FILE), .COLUMN_CLASS_FILE(COLUMN_CLASS_FILE)
  ) position (.clk, .rst, .enable(advance), .step, .sf, .nf, .tile, .index);

  // Which steps are under way: `first` and `last` beats of a vector.
  logic [LATENCY-2:0] valid, first, last;
  always_ff @(posedge clk)
    if (rst) valid <= '0;
    else if (advance) valid <= {valid[LATENCY-3:0], step};
  always_ff @(posedge clk)
    if (advance) begin
      first <= {first[LATENCY-3:0], sf == '0};
      last <= {last[LATENCY-3:0], sf == BS'(SF - 1)};
    end

  // Cycle 1: the beat and its weights.
  logic [SIMD*E-1:0] beat;
  logic [PE*SIMD*WB-1:0] weights;
  blendir_vector #(.N(SIMD*E), .SF(SF), .NF(NF)) vector (.clk, .enable(advance), .step, .fresh, .sf, .in_data, .beat);
  blendir_rom #(.WIDTH(PE*SIMD*WB), .DEPTH(SF*NF), .FILE(WEIGHTS_FILE), .STYLE(WEIGHTS_STYLE)) weight (
    .clk, .enable(advance), .address(tile), .data(weights)
  );

  // Cycle 2: products; ADDING + 2: their sum; one later: of all beats so far, and the bias; then rounded.
  logic [PE*BB-1:0] biases;
  blendir_rom #(.WIDTH(PE*BB), .DEPTH(LINES), .FILE(BIAS_FILE)) bias (
    .clk, .enable(advance), .address(index), .data(biases)
  );
  always_ff @(posedge clk)
    if (rst) out_valid <= 1'b0;
    else if (advance) out_valid <= valid[LATENCY-2] && last[LATENCY-2];
  generate
    for (genvar pe = 0; pe < PE; pe++) begin : element
      logic [SIMD*PRODUCT-1:0] products;
      logic [SUM-1:0] sum;
      logic signed [WIDE-1:0] more;
      logic signed [ACC-1:0] acc;
      logic signed [TOTAL-1:0] total;
      logic signed [EO-1:0] r;
      for (genvar s = 0; s < SIMD; s++) begin : lane
        logic signed [X-1:0] x;
        logic signed [WB-1:0] w;
        if (IS_SIGNED != 0) begin : is_signed
          assign x = beat[s*E +: E];
        end else begin : is_unsigned
          assign x = {1'b0, beat[s*E +: E]};
        end
        assign w = weights[(pe*SIMD + s)*WB +: WB];
        always_ff @(posedge clk) if (advance) products[s*PRODUCT +: PRODUCT] <= PRODUCT'(x) * PRODUCT'(w);
      end
      blendir_sum #(.N(SIMD), .W(PRODUCT), .IS_SIGNED(1)) tree (
        .clk, .enable(advance), .values(products), .total(sum)
      );
      assign more = WIDE'($signed(sum));  // ACC bits hold what it adds up to
      if (WIDE > ACC) begin : spare
        wire unused = &{1'b0, more[WIDE-1:ACC]};
      end
      always_ff @(posedge clk)
        if (advance && valid[LATENCY-4]) acc <= $signed(more[ACC-1:0]) + (first[LATENCY-4] ? '0 : acc);
      always_ff @(posedge clk)
        if (advance) total <= TOTAL'(acc) + TOTAL'($signed(biases[pe*BB +: BB]));
      blendir_narrow #(.W(TOTAL), .SHIFT(SHIFT), .ROUND(ROUND), .EO(EO)) narrow (.v(total), .r);
      always_ff @(posedge clk) if (advance) out_data[pe*EO +: EO] <= r;
    end
  endgenerate
endmodule
