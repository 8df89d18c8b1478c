// r = saturate_EO(round(v / 2^SHIFT)), v signed of W bits. ROUND 0: half up, 1: half to even. A negative SHIFT
// multiplies by 2^-SHIFT. No registers.
module blendir_narrow #(
  parameter int W = 16,
  parameter int SHIFT = 0,
  parameter int ROUND = 0,
  parameter int EO = 8
) (
  input  logic signed [W-1:0] v,
  output logic signed [EO-1:0] r
);
  localparam int UP = SHIFT < 0 ? -SHIFT : 0;
  localparam int DOWN = SHIFT > 0 ? (SHIFT < W ? SHIFT : W) : 0;  // a number that is shifted out is 0
  localparam int INNER = W + UP + (SHIFT > 0 ? 1 : 0);
  localparam int WIDTH = INNER - DOWN;
  logic signed [INNER-1:0] biased;
  generate
    if (SHIFT > 0) begin : rounded
      logic signed [INNER-1:0] exact, bias;
      assign exact = INNER'(v);
      assign bias = (INNER'(1) << (DOWN - 1)) -
                    (ROUND == 1 && !exact[DOWN] ? INNER'(1) : INNER'(0));
      assign biased = exact + bias;
      wire unused = &{1'b0, biased[DOWN-1:0]};
    end else begin : moved
      assign biased = INNER'(v) <<< UP;
    end
    if (WIDTH <= EO) begin : fits
      assign r = EO'($signed(biased[INNER-1:DOWN]));
    end else begin : saturated
      logic [WIDTH-EO:0] top;  // all alike where it fits
      assign top = biased[INNER-1:DOWN+EO-1];
      assign r = (&top || !(|top)) ? $signed(biased[DOWN +: EO]) : {biased[INNER-1], {(EO - 1){!biased[INNER-1]}}};
    end
  endgenerate
endmodule
