// Vectors of KH*KW*C elements of E bits for OH*OW positions: element (kh*KW + kw)*C + c of position (y, x) is
// in[y*SH - PH + kh*DH][x*SW - PW + kw*DW][c], or pad[c] outside the frame of H x W pixels. Pixels are read in beats of
// GI elements, vectors are written in beats of GO elements, the last one zero-filled.
//
// A slot is the time of one pixel, C/GI cycles; one with an output takes BO - 1 cycles more (BO beats per vector). There
// are HS x WS slots in a frame: idle ones lie around the pixels where padding is so wide that windows would else be
// complete in the same slot or before the first one. The last outputs of a frame may be written during the first slots
// of the next frame, and those of the last one, of `frames` at the reset, in slots that read nothing.
module blendir_window #(
  parameter int E = 1,
  parameter int C = 1,
  parameter int H = 1,
  parameter int W = 1,
  parameter int KH = 1,
  parameter int KW = 1,
  parameter int SH = 1,
  parameter int SW = 1,
  parameter int PH = 0,
  parameter int PW = 0,
  parameter int DH = 1,
  parameter int DW = 1,
  parameter int OH = 1,
  parameter int OW = 1,
  parameter int GI = 1,
  parameter int GO = 1,
  parameter PAD_FILE = ""
) (
  input  logic clk,
  input  logic rst,
  input  logic [31:0] frames,
  input  logic [GI*E-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [GO*E-1:0] out_data,
  output logic out_valid,
  input  logic out_ready
);
  localparam int LATENCY = 3;
  localparam int BI = C / GI;
  localparam int BO = (KH * KW * C + GO - 1) / GO;
  localparam int PIXEL = C * E;
  localparam int EH = (KH - 1) * DH + 1, EW = (KW - 1) * DW + 1;  // extent of a window
  // Rows and columns of slots; pixels begin at (TOP, LEFT).
  localparam int TOP = PH > EH - 1 ? PH - (EH - 1) : 0, LEFT = PW > EW - 1 ? PW - (EW - 1) : 0;
  localparam int ACROSS = (OW - 1) * SW;
  localparam int WIDER = OH > 1 ? ACROSS / SH + 1 : 1;
  localparam int WS = LEFT + W > WIDER ? LEFT + W : WIDER;
  localparam int HIGHER = (OH - 1) * SH + ACROSS / WS + 1;
  localparam int HS = TOP + H > HIGHER ? TOP + H : HIGHER;
  localparam int FIRST = (TOP + EH - 1 - PH) * WS + LEFT + EW - 1 - PW;  // slot of the first output
  localparam int LAST = FIRST + (OH - 1) * SH * WS + ACROSS;
  localparam int ROW_STEP = SH * WS - ACROSS;  // slots between outputs across rows
  localparam int FRAME_STEP = HS * WS + FIRST - LAST;  // and across frames
  localparam int LINE = DH * WS;  // slots between the rows of a window

  localparam int BPH = $clog2(BI + BO);
  localparam int BBO = BO > 1 ? $clog2(BO) : 1;
  localparam int BLN = LINE > 1 ? $clog2(LINE) : 1;
  localparam int BHS = $clog2(HS + 1);
  localparam int BWS = $clog2(WS + 1);
  localparam int BUN = $clog2((HS + SH + 1) * WS + FIRST + SW + 1);
  localparam int BOY = OH > 1 ? $clog2(OH) : 1;
  localparam int BOX = OW > 1 ? $clog2(OW) : 1;
  localparam int BTP = $clog2(PH + (OH + 1) * SH + EH + H) + 2;
  localparam int BLF = $clog2(PW + (OW + 1) * SW + EW + W) + 2;

  // Cycle 0: a slot goes on.
  logic advance, active, on_pixel, reading, takes, step, arrived, emitting, slot_ends;
  logic [31:0] unread, unwritten;  // frames
  logic [BPH-1:0] phase;  // cycle within the slot
  logic [BLN-1:0] cell_now;
  logic [BHS-1:0] row;
  logic [BWS-1:0] column;
  logic [BUN-1:0] until_output;  // slots
  logic [BOY-1:0] oy;
  logic [BOX-1:0] ox;
  logic signed [BTP-1:0] top;  // frame row of tap row 0
  logic signed [BLF-1:0] left;  // frame column of tap column 0
  logic row_ends, pixels_end, outputs_end, columns_end;
  assign advance = !out_valid || out_ready;
  assign active = unread != '0 || unwritten != '0;
  generate
    if (HS > H || WS > W) begin : idle_slots
      assign on_pixel =
        32'(row) + 1 > TOP && 32'(row) < TOP + H && 32'(column) + 1 > LEFT && 32'(column) < LEFT + W;
    end else begin : pixels_only
      assign on_pixel = 1'b1;
    end
  endgenerate
  assign reading = unread != '0 && on_pixel;
  assign takes = reading && 32'(phase) < BI;
  assign step = advance && active && (!takes || in_valid) && !rst;
  assign in_ready = advance && takes && !rst;
  assign arrived = 32'(phase) == BI - 1;
  assign emitting = until_output == '0;
  assign slot_ends = emitting ? 32'(phase) == BI + BO - 2 : arrived;
  assign row_ends = 32'(column) == WS - 1;
  assign pixels_end = 32'(row) == TOP + H - 1 && 32'(column) == LEFT + W - 1;
  assign columns_end = 32'(ox) == OW - 1;
  assign outputs_end = columns_end && 32'(oy) == OH - 1;
  always_ff @(posedge clk)
    if (rst) begin
      unread <= frames;
      unwritten <= frames;
      phase <= '0;
      cell_now <= '0;
      row <= '0;
      column <= '0;
      until_output <= BUN'(FIRST);
      oy <= '0;
      ox <= '0;
      top <= BTP'(-PH);
      left <= BLF'(-PW);
    end else if (step) begin
      phase <= slot_ends ? '0 : phase + 1'b1;
      if (arrived) begin
        if (reading && pixels_end) unread <= unread - 1'b1;
        cell_now <= 32'(cell_now) == LINE - 1 ? '0 : cell_now + 1'b1;
        column <= row_ends ? '0 : column + 1'b1;
        if (row_ends) row <= 32'(row) == HS - 1 ? '0 : row + 1'b1;
      end
      if (slot_ends) begin
        if (!emitting) begin
          until_output <= until_output - 1'b1;
        end else begin
          until_output <= outputs_end ? BUN'(FRAME_STEP - 1) : columns_end ? BUN'(ROW_STEP - 1) : BUN'(SW - 1);
          ox <= columns_end ? '0 : ox + 1'b1;
          left <= columns_end ? BLF'(-PW) : left + BLF'(SW);
          if (columns_end) begin
            oy <= outputs_end ? '0 : oy + 1'b1;
            top <= outputs_end ? BTP'(-PH) : top + BTP'(SH);
          end
          if (outputs_end && unwritten != '0) unwritten <= unwritten - 1'b1;
        end
      end
    end

  // Which rows and columns of the window lie in the frame.
  logic [KH-1:0] rows_now, rows1, rows2;
  logic [KW-1:0] columns_now, columns1, columns2;
  always_comb begin
    for (int i = 0; i < KH; i++) rows_now[i] = 32'(top) >= -i * DH && 32'(top) < H - i * DH;
    for (int j = 0; j < KW; j++) columns_now[j] = 32'(left) >= -j * DW && 32'(left) < W - j * DW;
  end

  // Cycle 1: the pixel is whole, the pixels above it come from the memory of lines, where it is kept itself.
  logic valid1, valid2, arrived1, emit1, emit2;
  logic [BBO-1:0] beat1, beat2;
  logic [PIXEL-1:0] pixel;
  logic [KH*PIXEL-1:0] fresh;  // row i at i
  logic [KH*EW*PIXEL-1:0] taps;  // row i, column j at i*EW + j
  always_ff @(posedge clk)
    if (rst) begin
      valid1 <= 1'b0;
      valid2 <= 1'b0;
      out_valid <= 1'b0;
    end else if (advance) begin
      valid1 <= step;
      valid2 <= valid1;
      out_valid <= valid2 && emit2;
    end
  always_ff @(posedge clk)
    if (advance) begin
      arrived1 <= arrived;
      emit1 <= emitting && 32'(phase) + 1 >= BI;
      beat1 <= BBO'(32'(phase) - (BI - 1));
      rows1 <= rows_now;
      columns1 <= columns_now;
      emit2 <= emit1;
      beat2 <= beat1;
      rows2 <= rows1;
      columns2 <= columns1;
    end
  generate
    if (BI == 1) begin : whole
      always_ff @(posedge clk) if (step && takes) pixel <= in_data;
    end else begin : parts
      always_ff @(posedge clk) if (step && takes) pixel <= {in_data, pixel[PIXEL-1:GI*E]};
    end
    assign fresh[(KH-1)*PIXEL +: PIXEL] = pixel;
    if (KH > 1 && LINE > 1) begin : lines
      // Row i below the last one is that of the memory, which LINE slots ago kept row i + 1.
      (* ram_style = "auto" *) logic [(KH-1)*PIXEL-1:0] kept [LINE];
      logic [(KH-1)*PIXEL-1:0] above;
      logic [BLN-1:0] cell1;
      always_ff @(posedge clk) begin
        if (step && arrived) begin
          above <= kept[cell_now];
          cell1 <= cell_now;
        end
        if (advance && valid1 && arrived1) kept[cell1] <= fresh[KH*PIXEL-1:PIXEL];
      end
      assign fresh[(KH-1)*PIXEL-1:0] = above;
    end else if (KH > 1) begin : pixels
      // A line of one pixel: the row above is the pixel before.
      for (genvar i = 0; i < KH - 1; i++) begin : line
        assign fresh[i*PIXEL +: PIXEL] = taps[((i+1)*EW + EW-1)*PIXEL +: PIXEL];
      end
      wire unused = &{1'b0, cell_now};
    end else begin : no_lines
      wire unused = &{1'b0, cell_now};
    end
    for (genvar i = 0; i < KH; i++) begin : taps_of
      always_ff @(posedge clk)
        if (advance && valid1 && arrived1) begin
          taps[(i*EW + EW-1)*PIXEL +: PIXEL] <= fresh[i*PIXEL +: PIXEL];
          for (int j = 0; j < EW - 1; j++) taps[(i*EW + j)*PIXEL +: PIXEL] <= taps[(i*EW + j+1)*PIXEL +: PIXEL];
        end
    end
  endgenerate

  // Cycle 2: the window, a beat at a time; it stays until its last beat is written.
  logic [E-1:0] pad [C];
  initial $readmemh(PAD_FILE, pad);
  logic [PIXEL-1:0] outside;
  logic [BO*GO*E-1:0] vector;
  generate
    for (genvar c = 0; c < C; c++) begin : channel
      assign outside[c*E +: E] = pad[c];
    end
    for (genvar i = 0; i < KH; i++) begin : vector_row
      for (genvar j = 0; j < KW; j++) begin : tap
        assign vector[(i*KW + j)*PIXEL +: PIXEL] =
          rows2[i] && columns2[j] ? taps[(i*EW + j*DW)*PIXEL +: PIXEL] : outside;
      end
    end
    if (BO * GO * E > KH * KW * PIXEL) begin : zeros
      assign vector[BO*GO*E-1:KH*KW*PIXEL] = '0;
    end
    if (BO == 1) begin : one
      always_ff @(posedge clk) if (advance) out_data <= vector;
      wire unused = &{1'b0, beat2};
    end else begin : several
      always_ff @(posedge clk) if (advance) out_data <= vector[32'(beat2)*GO*E +: GO*E];
    end
  endgenerate
endmodule
