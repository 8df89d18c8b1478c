// out = saturate_EO(round((a*x + b) / 2^SHIFT)), a and b those of x < k or of x >= k: entries 2*e and 2*e + 1 of a table,
// so that the comparison is an address bit of its memory. Each of ENTRIES entries e serves HOLD beats, one after another.
// A cycle per beat.
module blendir_piecewise_linear #(
  parameter int G = 1,
  parameter int E = 8,
  parameter int IS_SIGNED = 1,
  parameter int ENTRIES = 1,
  parameter int HOLD = 1,
  parameter int KB = 8,
  parameter int AB = 8,
  parameter int BB = 8,
  parameter int SHIFT = 0,
  parameter int ROUND = 0,
  parameter int EO = 8,
  parameter K_FILE = "",
  parameter A_FILE = "",
  parameter B_FILE = ""
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
  localparam int LATENCY = 6;
  localparam int X = IS_SIGNED != 0 ? E : E + 1;
  localparam int PRODUCT = X + AB;
  localparam int TOTAL = (PRODUCT > BB ? PRODUCT : BB) + 1;
  localparam int BE = ENTRIES > 1 ? $clog2(ENTRIES) : 1;
  localparam int BH = HOLD > 1 ? $clog2(HOLD) : 1;
  localparam int BP = $clog2(2 * ENTRIES);
  logic advance, step;
  logic [BE-1:0] entry, compared;
  logic [BH-1:0] held;
  logic [LATENCY-2:0] valid;
  logic [G*E-1:0] beat;
  logic [G*KB-1:0] breakpoints;
  assign advance = !out_valid || out_ready;
  assign step = advance && in_valid && !rst;
  assign in_ready = advance && !rst;
  blendir_rom #(.WIDTH(G*KB), .DEPTH(ENTRIES), .FILE(K_FILE)) k (
    .clk, .enable(advance), .address(entry), .data(breakpoints)
  );
  always_ff @(posedge clk)
    if (rst) begin
      entry <= '0;
      held <= '0;
      valid <= '0;
      out_valid <= 1'b0;
    end else if (advance) begin
      valid <= {valid[LATENCY-3:0], step};
      out_valid <= valid[LATENCY-2];
      if (step) begin
        held <= held == BH'(HOLD - 1) ? '0 : held + 1'b1;
        if (held == BH'(HOLD - 1)) entry <= entry == BE'(ENTRIES - 1) ? '0 : entry + 1'b1;
      end
    end
  always_ff @(posedge clk)
    if (advance) begin
      beat <= in_data;
      compared <= entry;
    end
  generate
    for (genvar g = 0; g < G; g++) begin : element
      logic signed [X-1:0] x, x1, x2;
      logic above;
      logic [BP-1:0] piece;
      logic signed [AB-1:0] slope;
      logic signed [BB-1:0] offset, offset1;
      logic signed [PRODUCT-1:0] product;
      logic signed [TOTAL-1:0] total;
      logic signed [EO-1:0] r;
      blendir_element #(.E(E), .IS_SIGNED(IS_SIGNED)) element (.bits(beat[g*E +: E]), .x);
      blendir_at_least #(.E(E), .IS_SIGNED(IS_SIGNED), .TB(KB)) comparison (
        .x(beat[g*E +: E]), .limit(breakpoints[g*KB +: KB]), .above
      );
      blendir_rom #(.WIDTH(AB), .DEPTH(2*ENTRIES), .FILE(A_FILE), .LANES(G), .LANE(g)) a (
        .clk, .enable(advance), .address(piece), .data(slope)
      );
      blendir_rom #(.WIDTH(BB), .DEPTH(2*ENTRIES), .FILE(B_FILE), .LANES(G), .LANE(g)) b (
        .clk, .enable(advance), .address(piece), .data(offset)
      );
      blendir_narrow #(.W(TOTAL), .SHIFT(SHIFT), .ROUND(ROUND), .EO(EO)) narrow (.v(total), .r);
      always_ff @(posedge clk)
        if (advance) begin
          piece <= BP'({compared, above});
          x1 <= x;
          x2 <= x1;
          product <= PRODUCT'(slope) * PRODUCT'(x2);
          offset1 <= offset;
          total <= TOTAL'(product) + TOTAL'(offset1);
          out_data[g*EO +: EO] <= r;
        end
    end
  endgenerate
endmodule
