// A table of DEPTH lines of WIDTH bits that is read twice per cycle. A line is there in the cycle after its address.
// STYLE: "distributed" or "block".
module blendir_rom2 #(
  parameter int WIDTH = 1,
  parameter int DEPTH = 2,
  parameter FILE = "",
  parameter STYLE = "distributed",
  localparam int ADDRESS = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
  input  logic clk,
  input  logic enable,
  input  logic [ADDRESS-1:0] first,
  input  logic [ADDRESS-1:0] second,
  output logic [WIDTH-1:0] first_line,
  output logic [WIDTH-1:0] second_line
);
  (* rom_style = STYLE *) logic [WIDTH-1:0] lines [DEPTH];
  initial $readmemh(FILE, lines);
  always_ff @(posedge clk)
    if (enable) begin
      first_line <= lines[first];
      second_line <= lines[second];
    end
endmodule
