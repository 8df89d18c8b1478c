// A table of DEPTH lines of WIDTH bits from a file of hexadecimal numbers. A line is there in the cycle after its
// address; a single line is a constant. STYLE: "distributed" or "block". Of lines that LANES with addresses of their own
// share, this is the table of lane LANE.
module blendir_rom #(
  parameter int WIDTH = 1,
  parameter int DEPTH = 1,
  parameter FILE = "",
  parameter STYLE = "distributed",
  parameter int LANES = 1,
  parameter int LANE = 0,
  localparam int ADDRESS = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
  input  logic clk,
  input  logic enable,
  input  logic [ADDRESS-1:0] address,
  output logic [WIDTH-1:0] data
);
  (* rom_style = STYLE *) logic [LANES*WIDTH-1:0] lines [DEPTH];
  initial $readmemh(FILE, lines);
  generate
    if (DEPTH == 1) begin : constant
      assign data = lines[0][LANE*WIDTH +: WIDTH];
      wire unused = &{1'b0, clk, enable, address};
    end else begin : memory
      always_ff @(posedge clk) if (enable) data <= lines[address][LANE*WIDTH +: WIDTH];
    end
  endgenerate
endmodule
