// A value STAGES enabled cycles later; 0 for a wire.
module blendir_delay #(
  parameter int WIDTH = 1,
  parameter int STAGES = 1
) (
  input  logic clk,
  input  logic enable,
  input  logic [WIDTH-1:0] now,
  output logic [WIDTH-1:0] later
);
  generate
    if (STAGES == 0) begin : wires
      assign later = now;
      wire unused = &{1'b0, clk, enable};
    end else begin : registers
      logic [WIDTH-1:0] stages [STAGES];
      always_ff @(posedge clk)
        if (enable) begin
          stages[0] <= now;
          for (int i = 1; i < STAGES; i++) stages[i] <= stages[i-1];
        end
      assign later = stages[STAGES-1];
    end
  endgenerate
endmodule
