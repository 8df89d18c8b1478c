// The exact sum of N values of W bits: a tree of adders of two, level by level, with registers behind every second level
// and behind the last one. ceil(log2(N)) / 2 cycles, rounded up. LEVEL counts the levels in front of this one.
module blendir_sum #(
  parameter int N = 2,
  parameter int W = 1,
  parameter int IS_SIGNED = 0,
  parameter int LEVEL = 0,
  localparam int OUT = W + $clog2(N)
) (
  input  logic clk,
  input  logic enable,
  input  logic [N*W-1:0] values,
  output logic [OUT-1:0] total
);
  localparam int M = (N + 1) / 2;
  generate
    if (N == 1) begin : alone
      assign total = values;
      wire unused = &{1'b0, clk, enable};
    end else begin : level
      logic [M*(W+1)-1:0] pairs, kept;
      for (genvar i = 0; i < M; i++) begin : pair
        logic [W:0] left;
        assign left = {IS_SIGNED != 0 && values[2*i*W + W-1], values[2*i*W +: W]};
        if (2*i + 1 < N) begin : both
          logic [W:0] right;
          assign right = {IS_SIGNED != 0 && values[(2*i+1)*W + W-1], values[(2*i+1)*W +: W]};
          assign pairs[i*(W+1) +: W+1] = left + right;
        end else begin : single
          assign pairs[i*(W+1) +: W+1] = left;
        end
      end
      if (M == 1 || LEVEL % 2 == 1) begin : registered
        always_ff @(posedge clk) if (enable) kept <= pairs;
      end else begin : wires
        assign kept = pairs;
      end
      blendir_sum #(.N(M), .W(W+1), .IS_SIGNED(IS_SIGNED), .LEVEL(LEVEL+1)) rest (.clk, .enable, .values(kept), .total);
    end
  endgenerate
endmodule
