// acc[c] = base[class][c] - 2*popcount(in[c] xor weight[c]) modulo 2^ACC, over the V taps of channel c = nf*PE + pe of OUT.
// A window comes in SF = V/SIMD groups of taps times NF = OUT/PE groups of channels, which are inside: OH*OW*SF*NF cycles
// per frame. Bit s*PE + pe of a beat is tap s of lane pe. A group of channels leaves with its last tap.
module blendir_binary_depthwise #(
  parameter int OH = 1,
  parameter int OW = 1,
  parameter int V = 1,
  parameter int SIMD = 1,
  parameter int PE = 1,
  parameter int OUT = 1,
  parameter int RY = 1,
  parameter int RX = 1,
  parameter int ACC = 8,
  parameter WEIGHTS_FILE = "",
  parameter WEIGHTS_STYLE = "distributed",
  parameter BASE_FILE = "",
  parameter ROW_CLASS_FILE = "",
  parameter COLUMN_CLASS_FILE = ""
) (
  input  logic clk,
  input  logic rst,
  input  logic [SIMD*PE-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [PE*ACC-1:0] out_data,
  output logic out_valid,
  input  logic out_ready
);
  localparam int SF = V / SIMD;
  localparam int NF = OUT / PE;
  localparam int BS = SF > 1 ? $clog2(SF) : 1;
  localparam int BN = NF > 1 ? $clog2(NF) : 1;
  localparam int BT = SF * NF > 1 ? $clog2(SF * NF) : 1;
  localparam int LINES = RY * RX * NF;
  localparam int BL = LINES > 1 ? $clog2(LINES) : 1;
  localparam int COUNT = $clog2(SIMD + 1);
  localparam int SUM = $clog2(SF * SIMD + 1);
  localparam int COUNTING = 1 + ($clog2((SIMD + 5) / 6) + 1) / 2;  // cycles
  localparam int LATENCY = COUNTING + 3;

  // Cycle 0: a beat is taken.
  logic advance, step;
  logic [BS-1:0] sf;
  logic [BN-1:0] nf;
  logic [BT-1:0] tile;
  logic [BL-1:0] index;
  assign advance = !out_valid || out_ready;
  assign step = advance && in_valid && !rst;
  assign in_ready = advance && !rst;
  blendir_mvu_position #(
    .SF(SF), .NF(NF), .OH(OH), .OW(OW), .RY(RY), .RX(RX), .INDEX_STAGES(COUNTING + 1), .CHANNELS_FIRST(1),
    .ROW_CLASS_FILE(ROW_CLASS_FILE), .COLUMN_CLASS_FILE(COLUMN_CLASS_FILE)
  ) position (.clk, .rst, .enable(advance), .step, .sf, .nf, .tile, .index);
  wire unused = &{1'b0, nf};

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
  logic [SIMD*PE-1:0] beat;
  logic [PE*SIMD-1:0] weights;
  always_ff @(posedge clk) if (advance) beat <= in_data;
  blendir_rom #(.WIDTH(PE*SIMD), .DEPTH(SF*NF), .FILE(WEIGHTS_FILE), .STYLE(WEIGHTS_STYLE)) weight (
    .clk, .enable(advance), .address(tile), .data(weights)
  );

  // Cycle COUNTING + 1: how many lanes differ; one later: in all beats so far, and the base.
  logic counted;
  logic [PE*ACC-1:0] bases;
  assign counted = advance && valid[LATENCY-3];
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
      logic [SUM-1:0] differ, older;
      for (genvar s = 0; s < SIMD; s++) begin : tap
        assign differing[s] = beat[s*PE + pe] ^ weights[pe*SIMD + s];
      end
      blendir_popcount #(.N(SIMD)) popcount (.clk, .enable(advance), .bits(differing), .count);
      // A group of channels comes again NF steps later.
      blendir_delay #(.WIDTH(SUM), .STAGES(NF - 1)) others (.clk, .enable(counted), .now(differ), .later(older));
      always_ff @(posedge clk) if (counted) differ <= SUM'(count) + (first[LATENCY-3] ? '0 : older);
      always_ff @(posedge clk)
        if (advance) out_data[pe*ACC +: ACC] <= bases[pe*ACC +: ACC] - ACC'({differ, 1'b0});
    end
  endgenerate
endmodule
