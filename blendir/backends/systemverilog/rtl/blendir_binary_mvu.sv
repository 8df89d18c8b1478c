// acc[o] = base[class][o] - 2*popcount(in xor weight[o]) modulo 2^ACC, for output channel o = nf*PE + pe. A vector of V
// bits comes in SF = ceil(V/SIMD) beats and is kept for NF = OUT/PE output folds: OH*OW*NF*SF cycles per frame. A beat of
// PE accumulators leaves at the end of each fold. With XNOR_DSP, DSPs compare the lanes.
module blendir_binary_mvu #(
  parameter int OH = 1,
  parameter int OW = 1,
  parameter int V = 1,
  parameter int SIMD = 1,
  parameter int PE = 1,
  parameter int OUT = 1,
  parameter int RY = 1,
  parameter int RX = 1,
  parameter int ACC = 8,
  parameter int XNOR_DSP = 0,
  parameter WEIGHTS_FILE = "",
  parameter WEIGHTS_STYLE = "distributed",
  parameter BASE_FILE = "",
  parameter ROW_CLASS_FILE = "",
  parameter COLUMN_CLASS_FILE = ""
) (
  input  logic clk,
  input  logic rst,
  input  logic [SIMD-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [PE*ACC-1:0] out_data,
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
  localparam int COUNT = $clog2(SIMD + 1);
  localparam int SUM = $clog2(SF * SIMD + 1);
  localparam int COUNTING = 1 + ($clog2((SIMD + 5) / 6) + 1) / 2 + (XNOR_DSP != 0 ? 2 : 0);  // cycles
  localparam int LATENCY = COUNTING + 3;

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
    .SF(SF), .NF(NF), .OH(OH), .OW(OW), .RY(RY), .RX(RX), .INDEX_STAGES(COUNTING + 1),
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
  logic [SIMD-1:0] beat;
  logic [PE*SIMD-1:0] weights;
  blendir_vector #(.N(SIMD), .SF(SF), .NF(NF)) vector (.clk, .enable(advance), .step, .fresh, .sf, .in_data, .beat);
  blendir_rom #(.WIDTH(PE*SIMD), .DEPTH(SF*NF), .FILE(WEIGHTS_FILE), .STYLE(WEIGHTS_STYLE)) weight (
    .clk, .enable(advance), .address(tile), .data(weights)
  );

  // Cycle COUNTING + 1: how many lanes differ; one later: in all beats so far, and the base.
  logic [PE*ACC-1:0] bases;
  blendir_rom #(.WIDTH(PE*ACC), .DEPTH(LINES), .FILE(BASE_FILE)) base (
    .clk, .enable(advance), .address(index), .data(bases)
  );
  always_ff @(posedge clk)
    if (rst) out_valid <= 1'b0;
    else if (advance) out_valid <= valid[LATENCY-2] && last[LATENCY-2];
  generate
    for (genvar pe = 0; pe < PE; pe++) begin : element
      logic [SIMD-1:0] differing;
      logic [COUNT-1:0] count;
      logic [SUM-1:0] differ;
      if (XNOR_DSP != 0) begin : dsps
        localparam int WORDS = (SIMD + 47) / 48;
        logic [48*WORDS-1:0] left, right, alike;
        assign left = (48*WORDS)'(beat);
        assign right = (48*WORDS)'(weights[pe*SIMD +: SIMD]);
        for (genvar w = 0; w < WORDS; w++) begin : word
          blendir_xnor48_dsp dsp (
            .clk, .enable(advance), .a(left[48*w +: 48]), .b(right[48*w +: 48]), .p(alike[48*w +: 48])
          );
        end
        assign differing = ~alike[SIMD-1:0];
        if (48*WORDS > SIMD) begin : spare
          wire unused = &{1'b0, alike[48*WORDS-1:SIMD]};
        end
      end else begin : luts
        assign differing = beat ^ weights[pe*SIMD +: SIMD];
      end
      blendir_popcount #(.N(SIMD)) popcount (.clk, .enable(advance), .bits(differing), .count);
      always_ff @(posedge clk)
        if (advance && valid[LATENCY-3]) differ <= SUM'(count) + (first[LATENCY-3] ? '0 : differ);
      always_ff @(posedge clk)
        if (advance) out_data[pe*ACC +: ACC] <= bases[pe*ACC +: ACC] - ACC'({differ, 1'b0});
    end
  endgenerate
endmodule
