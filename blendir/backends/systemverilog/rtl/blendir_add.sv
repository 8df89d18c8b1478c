// out = saturate_EO(round((a*2^SA + b*2^SB) / 2^SHIFT)), signed elements in beats of G. A cycle per beat.
module blendir_add #(
  parameter int G = 1,
  parameter int EA = 8,
  parameter int EB = 8,
  parameter int SA = 0,
  parameter int SB = 0,
  parameter int SHIFT = 0,
  parameter int ROUND = 0,
  parameter int EO = 8
) (
  input  logic clk,
  input  logic rst,
  input  logic [G*EA-1:0] a_data,
  input  logic a_valid,
  output logic a_ready,
  input  logic [G*EB-1:0] b_data,
  input  logic b_valid,
  output logic b_ready,
  output logic [G*EO-1:0] out_data,
  output logic out_valid,
  input  logic out_ready
);
  localparam int LATENCY = 2;
  localparam int TOTAL = (EA + SA > EB + SB ? EA + SA : EB + SB) + 1;
  logic advance, read, summed;
  logic [G*TOTAL-1:0] total;
  assign advance = !out_valid || out_ready;
  assign read = a_valid && b_valid;
  assign a_ready = advance && b_valid && !rst;
  assign b_ready = advance && a_valid && !rst;
  blendir_aligned_sum #(.G(G), .EA(EA), .EB(EB), .SA(SA), .SB(SB), .TOTAL(TOTAL)) sums (
    .clk, .advance, .a(a_data), .b(b_data), .total
  );
  always_ff @(posedge clk)
    if (rst) begin
      summed <= 1'b0;
      out_valid <= 1'b0;
    end else if (advance) begin
      summed <= read;
      out_valid <= summed;
    end
  generate
    for (genvar g = 0; g < G; g++) begin : element
      logic signed [EO-1:0] r;
      blendir_narrow #(.W(TOTAL), .SHIFT(SHIFT), .ROUND(ROUND), .EO(EO)) narrow (.v(total[g*TOTAL +: TOTAL]), .r);
      always_ff @(posedge clk) if (advance) out_data[g*EO +: EO] <= r;
    end
  endgenerate
endmodule
