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
      logic [STAGES*WIDTH-1:0] line;
      always_ff @(posedge clk) if (enable) line <= (STAGES*WIDTH)'({line, now});
      assign later = line[STAGES*WIDTH-1 -: WIDTH];
    end
  endgenerate
endmodule
