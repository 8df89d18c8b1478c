// acc[o] = base[class][o] - (sum over planes i of in and planes j of weight[o]: step[i] * 2^j * popcount(plane i of in xor
// plane j of weight[o])) modulo 2^ACC, for output channel o = nf*PE + pe. step[i] is the value of the plane's bit in an
// element of E bits (signed if IS_SIGNED); PLACES has a 1 for each bit that is a plane. A tile of weights holds WP planes
// of SIMD bits. Sums of counts have SUM bits. A vector of V elements comes in SF = ceil(V/SIMD) beats and is kept for NF =
// OUT/PE output folds: OH*OW*NF*SF cycles per frame.
module blendir_plane_mvu #(
  parameter int OH = 1,
  parameter int OW = 1,
  parameter int V = 1,
  parameter int SIMD = 1,
  parameter int PE = 1,
  parameter int OUT = 1,
  parameter int RY = 1,
  parameter int RX = 1,
  parameter int E = 8,
  parameter int IS_SIGNED = 0,
  parameter int PLACES = 255,
  parameter int WP = 1,
  parameter int SUM = 8,
  parameter int ACC = 8,
  parameter WEIGHTS_FILE = "",
  parameter WEIGHTS_STYLE = "distributed",
  parameter BASE_FILE = "",
  parameter ROW_CLASS_FILE = "",
  parameter COLUMN_CLASS_FILE = ""
) (
  input  logic clk,
  input  logic rst,
  input  logic [SIMD*E-1:0] in_data,
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
  localparam int PLANES = $countones(PLACES);
  localparam int PAIRS = PLANES * WP;
  localparam int COUNTING = 1 + ($clog2((SIMD + 5) / 6) + 1) / 2 + ($clog2(PAIRS) + 1) / 2;  // cycles
  localparam int LATENCY = COUNTING + 3;

  // The bit of plane i of an element.
  function automatic int place_of(input int i);
    int planes;
    planes = 0;
    place_of = 0;
    for (int place = 0; place < E; place++) begin
      if (PLACES[place]) begin
        if (planes == i) place_of = place;
        planes = planes + 1;
      end
    end
  endfunction

  // The planes of a beat one after another.
  logic [PLANES*SIMD-1:0] planes;
  generate
    for (genvar i = 0; i < PLANES; i++) begin : plane
      for (genvar s = 0; s < SIMD; s++) begin : lane
        assign planes[i*SIMD + s] = in_data[s*E + place_of(i)];
      end
    end
    if (PLANES < E) begin : spare
      wire unused = &{1'b0, in_data};
    end
  endgenerate

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
  logic [PLANES*SIMD-1:0] beat;
  logic [PE*WP*SIMD-1:0] weights;
  blendir_vector #(.N(PLANES*SIMD), .SF(SF), .NF(NF)) vector (
    .clk, .enable(advance), .step, .fresh, .sf, .in_data(planes), .beat
  );
  blendir_rom #(.WIDTH(PE*WP*SIMD), .DEPTH(SF*NF), .FILE(WEIGHTS_FILE), .STYLE(WEIGHTS_STYLE)) weight (
    .clk, .enable(advance), .address(tile), .data(weights)
  );

  // Cycle COUNTING + 1: how many lanes differ, times the values of their planes; one later: in all beats so far, and the base.
  logic [PE*ACC-1:0] bases;
  blendir_rom #(.WIDTH(PE*ACC), .DEPTH(LINES), .FILE(BASE_FILE)) base (
    .clk, .enable(advance), .address(index), .data(bases)
  );
  always_ff @(posedge clk)
    if (rst) out_valid <= 1'b0;
    else if (advance) out_valid <= valid[LATENCY-2] && last[LATENCY-2];
  generate
    for (genvar pe = 0; pe < PE; pe++) begin : element
      logic [PAIRS*SUM-1:0] counts;
      logic [SUM+$clog2(PAIRS)-1:0] total;
      logic signed [SUM-1:0] counted;
      for (genvar i = 0; i < PLANES; i++) begin : of_beat
        localparam bit NEGATIVE = IS_SIGNED != 0 && place_of(i) == E - 1;
        for (genvar j = 0; j < WP; j++) begin : of_weight
          logic [COUNT-1:0] count;
          logic [SUM-1:0] value;
          blendir_popcount #(.N(SIMD)) popcount (
            .clk, .enable(advance), .bits(beat[i*SIMD +: SIMD] ^ weights[(pe*WP + j)*SIMD +: SIMD]), .count
          );
          assign value = SUM'(count) << (place_of(i) + j);
          assign counts[(i*WP + j)*SUM +: SUM] = NEGATIVE ? -value : value;
        end
      end
      blendir_sum #(.N(PAIRS), .W(SUM), .IS_SIGNED(1)) tree (.clk, .enable(advance), .values(counts), .total);
      if (PAIRS > 1) begin : spare_bits
        wire unused = &{1'b0, total[SUM +: $clog2(PAIRS)]};
      end
      always_ff @(posedge clk)
        if (advance && valid[LATENCY-3]) counted <= total[SUM-1:0] + (first[LATENCY-3] ? '0 : counted);
      always_ff @(posedge clk)
        if (advance) out_data[pe*ACC +: ACC] <= bases[pe*ACC +: ACC] - ACC'(counted);
    end
  endgenerate
endmodule
