// total = a*2^SA + b*2^SB, exact in TOTAL bits, for G pairs of signed elements of EA and EB bits: two streams joined,
// with the sum in a register. A pair of beats is read when both are there.
module blendir_aligned_sum #(
  parameter int G = 1,
  parameter int EA = 8,
  parameter int EB = 8,
  parameter int SA = 0,
  parameter int SB = 0,
  parameter int TOTAL = 9
) (
  input  logic clk,
  input  logic advance,
  input  logic [G*EA-1:0] a,
  input  logic [G*EB-1:0] b,
  output logic [G*TOTAL-1:0] total
);
  generate
    for (genvar g = 0; g < G; g++) begin : element
      logic signed [TOTAL-1:0] left, right;
      assign left = TOTAL'($signed(a[g*EA +: EA]));
      assign right = TOTAL'($signed(b[g*EB +: EB]));
      always_ff @(posedge clk) if (advance) total[g*TOTAL +: TOTAL] <= (left <<< SA) + (right <<< SB);
    end
  endgenerate
endmodule
