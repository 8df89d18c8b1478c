// out = table[x - LOW] of EO bits, where LOW is the lowest integer of E bits: P*(C/G) cycles per frame. A
// memory has two ports: elements 2*i and 2*i + 1 of a beat read copy i of the table.
module blendir_lookup #(
  parameter int G = 1,
  parameter int E = 1,
  parameter int IS_SIGNED = 0,
  parameter int EO = 1,
  parameter TABLE_FILE = "",
  parameter TABLE_STYLE = "distributed"
) (
  input  logic clk,
  input  logic rst,
  input  logic [G*E-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [G*EO-1:0] out_data,
  output logic out_valid,
  input  logic out_ready
);
  localparam int LATENCY = 3;
  localparam int COPIES = (G + 1) / 2;

  wire advance = !out_valid || out_ready;
  assign in_ready = advance;
  logic [1:0] valid;
  always_ff @(posedge clk) begin
    if (rst) {out_valid, valid} <= '0;
    else if (advance) {out_valid, valid} <= {valid, in_valid};
  end

  logic [2*COPIES*E-1:0] address;
  logic [2*COPIES*EO-1:0] found;
  if (2*COPIES > G) begin : spare
    assign address[G*E +: E] = '0;
    wire unused = &{1'b0, found[G*EO +: EO]};
  end
  for (genvar g = 0; g < G; g++) begin : element
    // The lowest integer is at address 0: a sign is inverted.
    logic [E-1:0] place;
    always_ff @(posedge clk) if (advance) place <= in_data[g*E +: E] ^ (E'(IS_SIGNED) << (E - 1));
    assign address[g*E +: E] = place;
  end
  for (genvar i = 0; i < COPIES; i++) begin : copy
    blendir_rom2 #(.WIDTH(EO), .DEPTH(1 << E), .FILE(TABLE_FILE), .STYLE(TABLE_STYLE)) rom (
      .clk, .enable(advance), .first(address[2*i*E +: E]), .second(address[(2*i+1)*E +: E]),
      .first_line(found[2*i*EO +: EO]), .second_line(found[(2*i+1)*EO +: EO])
    );
  end
  always_ff @(posedge clk) if (advance) out_data <= found[G*EO-1:0];
endmodule
