// above = x >= limit: x of E bits, signed if IS_SIGNED, and a signed limit of TB bits. No registers.
module blendir_at_least #(
  parameter int E = 8,
  parameter int IS_SIGNED = 1,
  parameter int TB = 8
) (
  input  logic [E-1:0] x,
  input  logic [TB-1:0] limit,
  output logic above
);
  localparam int WIDE = (E > TB ? E : TB) + 1;
  logic signed [WIDE-1:0] left, right;
  assign left = {{(WIDE - E){IS_SIGNED != 0 && x[E-1]}}, x};
  assign right = {{(WIDE - TB){limit[TB-1]}}, limit};
  assign above = left >= right;
endmodule
