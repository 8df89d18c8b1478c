// out = min(max(x, LO), HI), signed, E bits in and out. A cycle per beat.
module blendir_clamp #(
  parameter int G = 1,
  parameter int E = 8,
  parameter longint LO = 0,
  parameter longint HI = 0
) (
  input  logic clk,
  input  logic rst,
  input  logic [G*E-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [G*E-1:0] out_data,
  output logic out_valid,
  input  logic out_ready
);
  localparam int LATENCY = 1;
  localparam logic signed [E-1:0] LOW = E'(LO);
  localparam logic signed [E-1:0] HIGH = E'(HI);
  logic advance;
  assign advance = !out_valid || out_ready;
  assign in_ready = advance && !rst;
  always_ff @(posedge clk)
    if (rst) out_valid <= 1'b0;
    else if (advance) out_valid <= in_valid;
  generate
    for (genvar g = 0; g < G; g++) begin : element
      logic signed [E-1:0] x;
      assign x = in_data[g*E +: E];
      always_ff @(posedge clk) if (advance) out_data[g*E +: E] <= x < LOW ? LOW : x > HIGH ? HIGH : x;
    end
  endgenerate
endmodule
