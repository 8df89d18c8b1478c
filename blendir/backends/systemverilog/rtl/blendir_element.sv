// An element of E bits as a signed number: an unsigned one gets a bit more. No registers.
module blendir_element #(
  parameter int E = 8,
  parameter int IS_SIGNED = 1,
  localparam int W = IS_SIGNED != 0 ? E : E + 1
) (
  input  logic [E-1:0] bits,
  output logic signed [W-1:0] x
);
  generate
    if (IS_SIGNED != 0) begin : is_signed
      assign x = bits;
    end else begin : is_unsigned
      assign x = {1'b0, bits};
    end
  endgenerate
endmodule
