// out = saturate_EO(round((gamma*u + beta) / 2^SHIFT)) with u = round(2^16 * (C*x - sum) / sqrt(C*squares - sum^2 +
// epsilon)). sum and squares are over the C elements of a position, E bits each (signed if IS_SIGNED), in beats of G. A
// position leaves while the next ones arrive: a cycle per beat.
module blendir_layer_norm #(
  parameter int C = 1,
  parameter int G = 1,
  parameter int E = 8,
  parameter int IS_SIGNED = 1,
  parameter int SB = 32,
  parameter int UB = 24,
  parameter int AB = 8,
  parameter int BB = 8,
  parameter int NB = 8,
  parameter int SHIFT = 0,
  parameter int ROUND = 0,
  parameter int EO = 8,
  parameter GAMMA_FILE = "",
  parameter BETA_FILE = "",
  parameter EPSILON_FILE = "",
  parameter SEEDS_FILE = ""
) (
  input  logic clk,
  input  logic rst,
  input  logic [G*E-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [G*EO-1:0] out_data,
  output logic out_valid,
  input  logic out_ready
);
  localparam int GROUPS = C / G;
  localparam int BC = GROUPS > 1 ? $clog2(GROUPS) : 1;
  localparam int X = IS_SIGNED != 0 ? E : E + 1;
  localparam int SUM = X + $clog2(C + 1);
  localparam int SQUARES = 2*X + $clog2(C + 1);
  localparam int SCALED = (SUM + 19 > SB/2 + 2 ? SUM + 19 : SB/2 + 2) + 1;
  localparam int PRODUCT = UB + AB;
  localparam int TOTAL = (PRODUCT > BB ? PRODUCT : BB) + 1;
  localparam int ADDING = ($clog2(G) + 1) / 2;  // cycles
  localparam int ROOTING = 14;  // from the sums of a position to its reciprocal root
  localparam int LEAVING = 9;  // from there to the first beat that leaves
  localparam int LATENCY = 3 + ADDING + ROOTING + LEAVING;  // from the last beat of a position to its first result
  localparam int BK = $clog2(GROUPS + LATENCY);
  logic advance, step;
  assign advance = !out_valid || out_ready;
  assign step = advance && in_valid && !rst;
  assign in_ready = advance && !rst;

  // Cycle 0: a beat is taken; it is kept until it leaves.
  logic [BC-1:0] group;
  logic [BK-1:0] written, left;
  logic [G*E-1:0] kept [1 << BK];
  always_ff @(posedge clk)
    if (rst) begin
      group <= '0;
      written <= '0;
    end else if (step) begin
      group <= group == BC'(GROUPS - 1) ? '0 : group + 1'b1;
      written <= written + 1'b1;
    end
  always_ff @(posedge clk) if (step) kept[written] <= in_data;

  // Cycle 1: the beat; 2: its squares; ADDING + 2: sums over the beat; one later: over the beats so far.
  logic [ADDING+1:0] valid, first, last;
  logic ended;
  logic [G*E-1:0] beat;
  logic [G*X-1:0] elements, values;
  logic [G*2*X-1:0] squared;
  logic [X+$clog2(G)-1:0] more;
  logic [2*X+$clog2(G)-1:0] more_squares;
  logic signed [SUM-1:0] sum;
  logic signed [SQUARES-1:0] squares;
  always_ff @(posedge clk)
    if (rst) begin
      valid <= '0;
      ended <= 1'b0;
    end else if (advance) begin
      valid <= {valid[ADDING:0], step};
      ended <= valid[ADDING+1] && last[ADDING+1];
    end
  always_ff @(posedge clk)
    if (advance) begin
      first <= {first[ADDING:0], group == '0};
      last <= {last[ADDING:0], group == BC'(GROUPS - 1)};
      beat <= in_data;
      values <= elements;
    end
  generate
    for (genvar g = 0; g < G; g++) begin : reading
      logic signed [X-1:0] x;
      blendir_element #(.E(E), .IS_SIGNED(IS_SIGNED)) element (.bits(beat[g*E +: E]), .x);
      assign elements[g*X +: X] = x;
      always_ff @(posedge clk) if (advance) squared[g*2*X +: 2*X] <= (2*X)'(x) * (2*X)'(x);
    end
  endgenerate
  blendir_sum #(.N(G), .W(X), .IS_SIGNED(1)) sums (.clk, .enable(advance), .values, .total(more));
  blendir_sum #(.N(G), .W(2*X), .IS_SIGNED(1)) square_sums (
    .clk, .enable(advance), .values(squared), .total(more_squares)
  );
  always_ff @(posedge clk)
    if (advance && valid[ADDING+1]) begin
      sum <= SUM'($signed(more)) + (first[ADDING+1] ? '0 : sum);
      squares <= SQUARES'($signed(more_squares)) + (first[ADDING+1] ? '0 : squares);
    end

  // Of the position that ended: the spread, 4 cycles later, at least 1; the root of it.
  logic signed [SB-1:0] scaled_squares, square, spread, scaled_later, square_later;
  logic signed [NB-1:0] epsilon;
  logic [SB-1:0] radicand;
  logic signed [SUM-1:0] total;
  logic [17:0] mantissa;
  logic [6:0] pairs;
  blendir_rom #(.WIDTH(NB), .DEPTH(1), .FILE(EPSILON_FILE)) added (
    .clk, .enable(advance), .address(1'b0), .data(epsilon)
  );
  always_ff @(posedge clk)
    if (advance) begin
      scaled_squares <= SB'(squares) * SB'(C);
      square <= SB'(sum) * SB'(sum);
      scaled_later <= scaled_squares;
      square_later <= square;
      spread <= scaled_later - square_later + SB'(epsilon);
      radicand <= spread > 0 ? spread : SB'(1);
    end
  blendir_reciprocal_root #(.W(SB), .SEEDS_FILE(SEEDS_FILE)) root (
    .clk, .enable(advance), .v(radicand), .mantissa, .pairs
  );
  blendir_delay #(.WIDTH(SUM), .STAGES(ROOTING)) totals (.clk, .enable(advance), .now(sum), .later(total));

  // When it is there, the position leaves, in GROUPS cycles; the next one is not ready before.
  logic [ROOTING-1:0] rooted;
  logic leaving, begins;
  logic [BC-1:0] leaving_group;
  logic [LEAVING-2:0] leaves;
  assign begins = rooted[ROOTING-1];
  assign leaving = begins || leaving_group != '0;
  always_ff @(posedge clk)
    if (rst) begin
      rooted <= '0;
      leaves <= '0;
      leaving_group <= '0;
      left <= '0;
      out_valid <= 1'b0;
    end else if (advance) begin
      rooted <= {rooted[ROOTING-2:0], ended};
      {out_valid, leaves} <= {leaves, leaving};
      if (leaving) begin
        leaving_group <= leaving_group == BC'(GROUPS - 1) ? '0 : leaving_group + 1'b1;
        left <= left + 1'b1;
      end
    end

  // Its statistics hold until the next one begins.
  logic signed [SUM-1:0] total_held, total_now;
  logic [17:0] mantissa_held, mantissa_now;
  logic [6:0] pairs_held, pairs_now;
  assign total_now = begins ? total : total_held;
  assign mantissa_now = begins ? mantissa : mantissa_held;
  assign pairs_now = begins ? pairs : pairs_held;
  always_ff @(posedge clk)
    if (advance && begins) begin
      total_held <= total;
      mantissa_held <= mantissa;
      pairs_held <= pairs;
    end

  // Cycle 1 after its begin: the old beat; 2: centered; 4: times the root; 6: u; 7: times gamma; 8: plus beta; 9: rounded.
  logic [G*E-1:0] old;
  logic signed [SUM-1:0] total_1;
  logic [17:0] mantissa_2;
  logic [6:0] places;
  logic [BC-1:0] group_5, group_6;
  logic [G*AB-1:0] gammas;
  logic [G*BB-1:0] betas;
  always_ff @(posedge clk) if (advance) old <= kept[left];
  blendir_delay #(.WIDTH(SUM), .STAGES(1)) total_delay (.clk, .enable(advance), .now(total_now), .later(total_1));
  blendir_delay #(.WIDTH(18), .STAGES(2)) root_delay (.clk, .enable(advance), .now(mantissa_now), .later(mantissa_2));
  blendir_delay #(.WIDTH(7), .STAGES(4)) pairs_delay (.clk, .enable(advance), .now(pairs_now - 7'd1), .later(places));
  blendir_delay #(.WIDTH(BC), .STAGES(5)) gamma_delay (.clk, .enable(advance), .now(leaving_group), .later(group_5));
  blendir_delay #(.WIDTH(BC), .STAGES(1)) beta_delay (.clk, .enable(advance), .now(group_5), .later(group_6));
  blendir_rom #(.WIDTH(G*AB), .DEPTH(GROUPS), .FILE(GAMMA_FILE)) gamma (
    .clk, .enable(advance), .address(group_5), .data(gammas)
  );
  blendir_rom #(.WIDTH(G*BB), .DEPTH(GROUPS), .FILE(BETA_FILE)) beta (
    .clk, .enable(advance), .address(group_6), .data(betas)
  );
  generate
    for (genvar g = 0; g < G; g++) begin : writing
      logic signed [X-1:0] y;
      logic signed [SUM:0] centered;
      logic signed [SCALED-1:0] scaled, scaled_4, moved, halves;
      logic signed [UB-1:0] u;
      logic signed [PRODUCT-1:0] product;
      logic signed [TOTAL-1:0] exact;
      logic signed [EO-1:0] r;
      blendir_element #(.E(E), .IS_SIGNED(IS_SIGNED)) element (.bits(old[g*E +: E]), .x(y));
      assign halves = moved + SCALED'(1);
      blendir_narrow #(.W(TOTAL), .SHIFT(SHIFT), .ROUND(ROUND), .EO(EO)) narrow (.v(exact), .r);
      wire unused = &{1'b0, halves[0], halves[SCALED-1:UB+1]};
      always_ff @(posedge clk)
        if (advance) begin
          centered <= (SUM+1)'(y) * (SUM+1)'(C) - (SUM+1)'(total_1);
          scaled <= SCALED'(centered) * SCALED'($signed({1'b0, mantissa_2}));
          scaled_4 <= scaled;
          moved <= scaled_4 >>> places;
          u <= halves[UB:1];
          product <= PRODUCT'(u) * PRODUCT'($signed(gammas[g*AB +: AB]));
          exact <= TOTAL'(product) + TOTAL'($signed(betas[g*BB +: BB]));
          out_data[g*EO +: EO] <= r;
        end
    end
  endgenerate
endmodule
