// 2^-16 * mantissa / 2^pairs = 1 / sqrt(v) for v >= 1 of W bits, with a relative error below 2^-16, 10 enabled cycles
// later. The leading 9 bits of the 24-bit radicand select a seed with 11 fractional bits; one Newton step refines it.
module blendir_reciprocal_root #(
  parameter int W = 32,
  parameter SEEDS_FILE = ""
) (
  input  logic clk,
  input  logic enable,
  input  logic [W-1:0] v,
  output logic [17:0] mantissa,
  output logic [6:0] pairs
);
  localparam int MOST = (W + 1) / 2;  // pairs of bits
  localparam int WIDE = 2*MOST > 24 ? 2*MOST : 24;

  // Cycle 1: how many pairs of bits v has; 2: v with a 1 in the leading pair.
  logic [6:0] count, count_1;
  logic [WIDE-1:0] v_1, moved;
  logic [23:0] radicand;
  always_comb begin
    count = 7'd1;
    for (int k = 1; k < MOST; k++) if ((v >> (2*k)) != '0) count = 7'(k + 1);
  end
  assign moved = v_1 << (7'd2 * (7'(WIDE/2) - count_1));
  always_ff @(posedge clk)
    if (enable) begin
      count_1 <= count;
      v_1 <= WIDE'(v);
      radicand <= moved[WIDE-1 -: 24];
    end
  generate
    if (WIDE > 24) begin : spare
      wire unused = &{1'b0, moved[WIDE-25:0]};
    end
  endgenerate
  blendir_delay #(.WIDTH(7), .STAGES(9)) pairs_delay (.clk, .enable, .now(count_1), .later(pairs));

  // Cycle 3: the seed; 4: its square; 6: times the radicand; 7: what 3 is more; 9: times the seed; 10: rounded.
  logic [11:0] seed, seed_7;
  logic [23:0] radicand_4, square;
  logic [47:0] product, product_6;
  logic [49:0] rest;
  logic [38:0] refined, refined_9;
  logic [38:0] rounded;
  blendir_rom #(.WIDTH(12), .DEPTH(384), .FILE(SEEDS_FILE)) seeds (
    .clk, .enable, .address(radicand[23:15] - 9'd128), .data(seed)
  );
  blendir_delay #(.WIDTH(24), .STAGES(2)) radicand_delay (.clk, .enable, .now(radicand), .later(radicand_4));
  blendir_delay #(.WIDTH(12), .STAGES(4)) seed_delay (.clk, .enable, .now(seed), .later(seed_7));
  assign rounded = refined_9 + 39'h20000;
  always_ff @(posedge clk)
    if (enable) begin
      square <= 24'(seed) * 24'(seed);
      product <= 48'(radicand_4) * 48'(square);
      product_6 <= product;
      rest <= {4'b0011, 46'b0} - 50'(product_6);
      refined <= 39'(seed_7) * 39'(rest[49:24]);
      refined_9 <= refined;
      mantissa <= rounded[35:18];
    end
  wire unused_bits = &{1'b0, rest[23:0], rounded[38:36], rounded[17:0]};
endmodule
