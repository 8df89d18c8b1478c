// Bit 1 becomes +1 and bit 0 becomes -1, as 2-bit two's complement: the sign is the inverted bit. A cycle per beat.
module blendir_bits_to_value #(
  parameter int G = 1
) (
  input  logic clk,
  input  logic rst,
  input  logic [G-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [2*G-1:0] out_data,
  output logic out_valid,
  input  logic out_ready
);
  localparam int LATENCY = 1;
  logic advance;
  assign advance = !out_valid || out_ready;
  assign in_ready = advance && !rst;
  always_ff @(posedge clk)
    if (rst) out_valid <= 1'b0;
    else if (advance) out_valid <= in_valid;
  always_ff @(posedge clk)
    if (advance) for (int g = 0; g < G; g++) out_data[2*g +: 2] <= {!in_data[g], 1'b1};
endmodule
