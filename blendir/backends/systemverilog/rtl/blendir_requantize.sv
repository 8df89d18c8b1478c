// out = saturate_EO(round(x / 2^SHIFT)), x of E bits, signed if IS_SIGNED; a negative SHIFT is an exact left shift. A
// cycle per beat.
module blendir_requantize #(
  parameter int G = 1,
  parameter int E = 8,
  parameter int IS_SIGNED = 1,
  parameter int SHIFT = 0,
  parameter int ROUND = 0,
  parameter int EO = 8
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
  localparam int LATENCY = 1;
  localparam int W = IS_SIGNED != 0 ? E : E + 1;
  logic advance;
  assign advance = !out_valid || out_ready;
  assign in_ready = advance && !rst;
  always_ff @(posedge clk)
    if (rst) out_valid <= 1'b0;
    else if (advance) out_valid <= in_valid;
  generate
    for (genvar g = 0; g < G; g++) begin : element
      logic signed [W-1:0] x;
      logic signed [EO-1:0] r;
      if (IS_SIGNED != 0) begin : is_signed
        assign x = in_data[g*E +: E];
      end else begin : is_unsigned
        assign x = {1'b0, in_data[g*E +: E]};
      end
      blendir_narrow #(.W(W), .SHIFT(SHIFT), .ROUND(ROUND), .EO(EO)) narrow (.v(x), .r);
      always_ff @(posedge clk) if (advance) out_data[g*EO +: EO] <= r;
    end
  endgenerate
endmodule
