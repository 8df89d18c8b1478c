// For each of P parts of a frame the CA elements of a, then the CB elements of b, E bits each, in beats
// of G: P*(CA + CB)/G cycles per frame.
module blendir_concat #(
  parameter int CA = 1,
  parameter int CB = 1,
  parameter int G = 1,
  parameter int E = 1
) (
  input  logic clk,
  input  logic rst,
  input  logic [G*E-1:0] a_data,
  input  logic a_valid,
  output logic a_ready,
  input  logic [G*E-1:0] b_data,
  input  logic b_valid,
  output logic b_ready,
  output logic [G*E-1:0] out_data,
  output logic out_valid,
  input  logic out_ready
);
  localparam int LATENCY = 1;
  localparam int BA = CA / G;
  localparam int BEATS = (CA + CB) / G;
  localparam int BITS = $clog2(BEATS + 1);

  logic [BITS-1:0] at;

  wire advance = !out_valid || out_ready;
  wire from_a = at < BITS'(BA);
  wire found = from_a ? a_valid : b_valid;
  assign a_ready = advance && from_a;
  assign b_ready = advance && !from_a;

  always_ff @(posedge clk) begin
    if (rst) begin
      at <= '0;
      out_valid <= 1'b0;
    end else if (advance) begin
      out_valid <= found;
      if (found) at <= at == BITS'(BEATS - 1) ? '0 : at + BITS'(1);
    end
    if (advance) out_data <= from_a ? a_data : b_data;
  end
endmodule
