// out[c] = sum (KIND 0), maximum (1) or bitwise or (2) over the elements c of a window of ROWS x RUN
// positions: RUN neighbors in each of ROWS rows of OW*RUN positions. P windows per frame, C elements of E
// bits per position, in beats of G; EO bits hold a result. A group leaves with its last element:
// P*ROWS*RUN*(C/G) cycles per frame.
module blendir_pool #(
  parameter int C = 1,
  parameter int G = 1,
  parameter int OW = 1,
  parameter int ROWS = 1,
  parameter int RUN = 1,
  parameter int E = 1,
  parameter int IS_SIGNED = 0,
  parameter int KIND = 0,
  parameter int EO = 1
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
  localparam int GROUPS = C / G;
  localparam int CELLS = OW * GROUPS;
  localparam int GROUP_BITS = $clog2(GROUPS + 1);
  localparam int TAP_BITS = $clog2(RUN + 1);
  localparam int CELL_BITS = $clog2(CELLS + 1);
  localparam int ROW_BITS = $clog2(ROWS + 1);

  // One more element of a result.
  function automatic logic [EO-1:0] combined(input logic [EO-1:0] old, input logic [EO-1:0] x);
    logic larger;
    larger = IS_SIGNED != 0 ? $signed(old) > $signed(x) : old > x;
    if (KIND == 0) combined = old + x;
    else if (KIND == 1) combined = larger ? old : x;
    else combined = old | x;
  endfunction

  logic [GROUP_BITS-1:0] group;
  logic [TAP_BITS-1:0] tap;
  logic [CELL_BITS-1:0] at;
  logic [ROW_BITS-1:0] row;

  wire advance = !out_valid || out_ready;
  wire fires = advance && in_valid;
  wire group_ends = group == GROUP_BITS'(GROUPS - 1), tap_ends = tap == TAP_BITS'(RUN - 1);
  wire at_ends = at == CELL_BITS'(CELLS - 1), row_ends = row == ROW_BITS'(ROWS - 1);
  assign in_ready = advance;

  always_ff @(posedge clk) begin
    if (rst) begin
      group <= '0;
      tap <= '0;
      at <= '0;
      row <= '0;
    end else if (fires) begin
      group <= group_ends ? '0 : group + GROUP_BITS'(1);
      if (group_ends) tap <= tap_ends ? '0 : tap + TAP_BITS'(1);
      if (tap_ends) at <= at_ends ? '0 : at + CELL_BITS'(1);
      if (tap_ends && at_ends) row <= row_ends ? '0 : row + ROW_BITS'(1);
    end
  end

  // Stage 1: what a beat is.
  logic [G*E-1:0] beat;
  logic [CELL_BITS-1:0] beat_at;
  logic beat_valid, beat_first, beat_ends, beat_top, beat_last;
  always_ff @(posedge clk) begin
    if (rst) beat_valid <= 1'b0;
    else if (advance) beat_valid <= in_valid;
    if (advance) begin
      beat <= in_data;
      beat_at <= at;
      beat_first <= tap == '0;
      beat_ends <= tap_ends;
      beat_top <= row == '0;
      beat_last <= tap_ends && row_ends;
    end
  end

  // Stage 2: along a row. The next element of a group comes GROUPS beats later: a delay line.
  logic [GROUPS*G*EO-1:0] partial;  // the newest one lowest
  logic [G*EO-1:0] along;
  always_comb begin
    for (int g = 0; g < G; g++) begin
      logic [EO-1:0] x;
      x = EO'({{EO{IS_SIGNED != 0 && beat[g*E+E-1]}}, beat[g*E+:E]});
      along[g*EO+:EO] = beat_first ? x : combined(partial[((GROUPS-1)*G+g)*EO+:EO], x);
    end
  end
  always_ff @(posedge clk) begin
    if (advance && beat_valid) partial <= (GROUPS*G*EO)'({partial, along});
  end

  logic row_valid, row_top, row_last;
  logic [CELL_BITS-1:0] row_at;
  always_ff @(posedge clk) begin
    if (rst) row_valid <= 1'b0;
    else if (advance) row_valid <= beat_valid && beat_ends;
    if (advance) begin
      row_at <= beat_at;
      row_top <= beat_top;
      row_last <= beat_last;
    end
  end

  // Stage 3: down the rows, over a line of results so far. A cell comes again OW*RUN*GROUPS beats later,
  // two or more: rows of a single window are given as one.
  logic [G*EO-1:0] down;
  if (ROWS > 1) begin : g_lines
    logic [G*EO-1:0] line[CELLS];
    logic [G*EO-1:0] above;
    always_ff @(posedge clk) begin
      if (advance) above <= line[beat_at];
      if (advance && row_valid) line[row_at] <= down;
    end
    always_comb begin
      for (int g = 0; g < G; g++) begin
        down[g*EO+:EO] = row_top ? partial[g*EO+:EO] : combined(above[g*EO+:EO], partial[g*EO+:EO]);
      end
    end
  end else begin : g_row
    wire unused = &{1'b0, row_top, row_at};
    assign down = partial[G*EO-1:0];
  end

  always_ff @(posedge clk) begin
    if (rst) out_valid <= 1'b0;
    else if (advance) out_valid <= row_valid && row_last;
    if (advance) out_data <= down;
  end
endmodule
