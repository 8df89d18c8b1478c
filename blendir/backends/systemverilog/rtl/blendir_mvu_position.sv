// Where a matrix-vector unit is: input fold sf of SF, output fold nf of NF, tile nf*SF + sf, and the line of a border or
// bias table, (row class * RX + column class) * NF + nf, which is there INDEX_STAGES >= 2 enabled cycles later. With CHANNELS_FIRST, output folds are
// inside input folds, and the tile is sf*NF + nf.
module blendir_mvu_position #(
  parameter int SF = 1,
  parameter int NF = 1,
  parameter int OH = 1,
  parameter int OW = 1,
  parameter int RY = 1,
  parameter int RX = 1,
  parameter int INDEX_STAGES = 2,
  parameter int CHANNELS_FIRST = 0,
  parameter ROW_CLASS_FILE = "",
  parameter COLUMN_CLASS_FILE = "",
  localparam int BS = SF > 1 ? $clog2(SF) : 1,
  localparam int BN = NF > 1 ? $clog2(NF) : 1,
  localparam int BT = SF * NF > 1 ? $clog2(SF * NF) : 1,
  localparam int LINES = RY * RX * NF,
  localparam int BL = LINES > 1 ? $clog2(LINES) : 1
) (
  input  logic clk,
  input  logic rst,
  input  logic enable,
  input  logic step,
  output logic [BS-1:0] sf,
  output logic [BN-1:0] nf,
  output logic [BT-1:0] tile,
  output logic [BL-1:0] index
);
  logic sf_ends, nf_ends;
  assign sf_ends = sf == BS'(SF - 1);
  assign nf_ends = nf == BN'(NF - 1);
  always_ff @(posedge clk)
    if (rst) begin
      sf <= '0;
      nf <= '0;
      tile <= '0;
    end else if (step) begin
      if (CHANNELS_FIRST == 0 || nf_ends) sf <= sf_ends ? '0 : sf + 1'b1;
      if (CHANNELS_FIRST != 0 || sf_ends) nf <= nf_ends ? '0 : nf + 1'b1;
      tile <= sf_ends && nf_ends ? '0 : tile + 1'b1;
    end
  generate
    if (RY * RX == 1) begin : uniform
      blendir_delay #(.WIDTH(BL), .STAGES(INDEX_STAGES)) delay (.clk, .enable, .now(BL'(nf)), .later(index));
    end else begin : classes
      localparam int BY = OH > 1 ? $clog2(OH) : 1;
      localparam int BX = OW > 1 ? $clog2(OW) : 1;
      localparam int BR = RY > 1 ? $clog2(RY) : 1;
      localparam int BC = RX > 1 ? $clog2(RX) : 1;
      logic [BY-1:0] y;
      logic [BX-1:0] x;
      logic [BR-1:0] row;
      logic [BC-1:0] column;
      logic [BN-1:0] fold;
      logic [BL-1:0] line;
      always_ff @(posedge clk)
        if (rst) begin
          y <= '0;
          x <= '0;
        end else if (step && sf_ends && nf_ends) begin
          x <= x == BX'(OW - 1) ? '0 : x + 1'b1;
          if (x == BX'(OW - 1)) y <= y == BY'(OH - 1) ? '0 : y + 1'b1;
        end
      blendir_rom #(.WIDTH(BR), .DEPTH(OH), .FILE(ROW_CLASS_FILE)) rows (.clk, .enable, .address(y), .data(row));
      blendir_rom #(.WIDTH(BC), .DEPTH(OW), .FILE(COLUMN_CLASS_FILE)) columns (
        .clk, .enable, .address(x), .data(column)
      );
      always_ff @(posedge clk)
        if (enable) begin
          fold <= nf;
          line <= BL'((32'(row) * RX + 32'(column)) * NF + 32'(fold));
        end
      blendir_delay #(.WIDTH(BL), .STAGES(INDEX_STAGES - 2)) delay (.clk, .enable, .now(line), .later(index));
    end
  endgenerate
endmodule
