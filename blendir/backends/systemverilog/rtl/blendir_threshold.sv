// bit = (x >= t) xor inv, t and inv per channel: channel c*G + g is element g of beat c. C elements of E bits in beats
// of G; a cycle per beat.
module blendir_threshold #(
  parameter int C = 1,
  parameter int G = 1,
  parameter int E = 8,
  parameter int IS_SIGNED = 1,
  parameter int TB = 8,
  parameter THRESHOLDS_FILE = "",
  parameter INVERT_FILE = ""
) (
  input  logic clk,
  input  logic rst,
  input  logic [G*E-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [G-1:0] out_data,
  output logic out_valid,
  input  logic out_ready
);
  localparam int LATENCY = 2;
  localparam int GROUPS = C / G;
  localparam int BC = GROUPS > 1 ? $clog2(GROUPS) : 1;
  logic advance, held_valid;
  assign advance = !out_valid || out_ready;
  assign in_ready = advance && !rst;
  logic [BC-1:0] group;
  logic [G*E-1:0] held;
  logic [G*TB-1:0] limits;
  logic [G-1:0] flips;
  blendir_rom #(.WIDTH(G*TB), .DEPTH(GROUPS), .FILE(THRESHOLDS_FILE)) thresholds (
    .clk, .enable(advance), .address(group), .data(limits)
  );
  blendir_rom #(.WIDTH(G), .DEPTH(GROUPS), .FILE(INVERT_FILE)) invert (
    .clk, .enable(advance), .address(group), .data(flips)
  );
  always_ff @(posedge clk)
    if (advance) held <= in_data;
  always_ff @(posedge clk)
    if (rst) begin
      group <= '0;
      held_valid <= 1'b0;
      out_valid <= 1'b0;
    end else if (advance) begin
      held_valid <= in_valid;
      out_valid <= held_valid;
      if (in_valid) group <= group == BC'(GROUPS - 1) ? '0 : group + 1'b1;
    end
  generate
    for (genvar g = 0; g < G; g++) begin : element
      logic above;
      blendir_at_least #(.E(E), .IS_SIGNED(IS_SIGNED), .TB(TB)) comparison (
        .x(held[g*E +: E]), .limit(limits[g*TB +: TB]), .above
      );
      always_ff @(posedge clk) if (advance) out_data[g] <= above ^ flips[g];
    end
  endgenerate
endmodule
