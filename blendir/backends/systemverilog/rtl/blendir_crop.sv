// Of a frame of H x W positions of B beats of N bits, those in rows R0, R0 + RS .. RN and columns
// C0, C0 + CS .. CN: H*W*B cycles per frame. The others are read and dropped.
module blendir_crop #(
  parameter int N = 1,
  parameter int B = 1,
  parameter int H = 1,
  parameter int W = 1,
  parameter int R0 = 0,
  parameter int RS = 1,
  parameter int RN = 0,
  parameter int C0 = 0,
  parameter int CS = 1,
  parameter int CN = 0
) (
  input  logic clk,
  input  logic rst,
  input  logic [N-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [N-1:0] out_data,
  output logic out_valid,
  input  logic out_ready
);
  localparam int LATENCY = 1;
  localparam int BEAT_BITS = $clog2(B + 1);
  localparam int ROW_BITS = $clog2(H + RS + 1);
  localparam int COLUMN_BITS = $clog2(W + CS + 1);

  logic [BEAT_BITS-1:0] beat;
  logic [ROW_BITS-1:0] row, next_row;  // H when no further row stays
  logic [COLUMN_BITS-1:0] column, next_column;

  wire advance = !out_valid || out_ready;
  wire fires = advance && in_valid;
  wire beat_ends = beat == BEAT_BITS'(B - 1);
  wire column_ends = column == COLUMN_BITS'(W - 1);
  wire row_ends = row == ROW_BITS'(H - 1);
  wire row_stays = row == next_row, column_stays = column == next_column;
  assign in_ready = advance;

  always_ff @(posedge clk) begin
    if (rst) begin
      beat <= '0;
    end else if (fires) begin
      beat <= beat_ends ? '0 : beat + BEAT_BITS'(1);
    end
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      column <= '0;
      next_column <= COLUMN_BITS'(C0);
    end else if (fires && beat_ends) begin
      column <= column_ends ? '0 : column + COLUMN_BITS'(1);
      if (column_ends) next_column <= COLUMN_BITS'(C0);
      else if (column_stays) next_column <= column == COLUMN_BITS'(CN) ? COLUMN_BITS'(W) : column + COLUMN_BITS'(CS);
    end
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      row <= '0;
      next_row <= ROW_BITS'(R0);
    end else if (fires && beat_ends && column_ends) begin
      row <= row_ends ? '0 : row + ROW_BITS'(1);
      if (row_ends) next_row <= ROW_BITS'(R0);
      else if (row_stays) next_row <= row == ROW_BITS'(RN) ? ROW_BITS'(H) : row + ROW_BITS'(RS);
    end
  end

  always_ff @(posedge clk) begin
    if (rst) out_valid <= 1'b0;
    else if (advance) out_valid <= in_valid && row_stays && column_stays;
    if (advance) out_data <= in_data;
  end
endmodule
