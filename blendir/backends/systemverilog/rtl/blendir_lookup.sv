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

  logic [G*E-1:0] address;
  logic [G*EO-1:0] found;
  for (genvar g = 0; g < G; g++) begin : g_address
    // The lowest integer is at address 0: a sign is inverted.
    always_ff @(posedge clk) if (advance) address[g*E+:E] <= in_data[g*E+:E] ^ (E'(IS_SIGNED) << (E - 1));
  end
  for (genvar i = 0; i < COPIES; i++) begin : g_copy
    (* rom_style = TABLE_STYLE *) logic [EO-1:0] copy[1<<E];
    initial $readmemh(TABLE_FILE, copy);
    for (genvar g = 2 * i; g < 2 * i + 2 && g < G; g++) begin : g_port
      always_ff @(posedge clk) if (advance) found[g*EO+:EO] <= copy[address[g*E+:E]];
    end
  end
  always_ff @(posedge clk) if (advance) out_data <= found;
endmodule
