// For each of the P parts of a frame, I beats of N bits, the beats at AT + i1*S1 + i2*S2 + i3*S3 + i4*S4,
// with i4 < E4 as the fastest index: another order, or some beats several times or not at all. While a part
// fills one half of the memory, the one before leaves from the other half: P*max(I, E1*E2*E3*E4) cycles
// per frame.
module blendir_reorder #(
  parameter int N = 1,
  parameter int I = 1,
  parameter int AT = 0,
  parameter int E1 = 1,
  parameter int S1 = 0,
  parameter int E2 = 1,
  parameter int S2 = 0,
  parameter int E3 = 1,
  parameter int S3 = 0,
  parameter int E4 = 1,
  parameter int S4 = 0
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
  localparam int LATENCY = 2;
  localparam int AT_BITS = $clog2(I + 1);
  localparam int ADDRESS_BITS = $clog2(2 * I);
  localparam int BITS1 = $clog2(E1 + 1);
  localparam int BITS2 = $clog2(E2 + 1);
  localparam int BITS3 = $clog2(E3 + 1);
  localparam int BITS4 = $clog2(E4 + 1);
  // Steps from the last beat of a loop to the next one of the loop around it, modulo the address.
  localparam int TURN3 = S3 - (E4 - 1) * S4;
  localparam int TURN2 = S2 - (E4 - 1) * S4 - (E3 - 1) * S3;
  localparam int TURN1 = S1 - (E4 - 1) * S4 - (E3 - 1) * S3 - (E2 - 1) * S2;

  logic [N-1:0] memory[2*I];
  logic [1:0] full;  // the halves
  logic filling, leaving;

  // What fills.
  logic [AT_BITS-1:0] at;
  wire fires = in_valid && in_ready;
  wire filled = fires && at == AT_BITS'(I - 1);
  assign in_ready = !full[filling];
  always_ff @(posedge clk) begin
    if (rst) begin
      at <= '0;
      filling <= 1'b0;
    end else if (fires) begin
      at <= filled ? '0 : at + AT_BITS'(1);
      filling <= filling ^ filled;
    end
    if (fires) memory[ADDRESS_BITS'(at) + (filling ? ADDRESS_BITS'(I) : '0)] <= in_data;
  end

  // What leaves.
  logic [AT_BITS-1:0] address;
  logic [BITS1-1:0] i1;
  logic [BITS2-1:0] i2;
  logic [BITS3-1:0] i3;
  logic [BITS4-1:0] i4;
  wire advance = !out_valid || out_ready;
  wire reads = advance && full[leaving];
  wire ends4 = i4 == BITS4'(E4 - 1), ends3 = i3 == BITS3'(E3 - 1);
  wire ends2 = i2 == BITS2'(E2 - 1), ends1 = i1 == BITS1'(E1 - 1);
  wire left = reads && ends4 && ends3 && ends2 && ends1;
  always_ff @(posedge clk) begin
    if (rst) begin
      address <= AT_BITS'(AT);
      {i1, i2, i3, i4} <= '0;
      leaving <= 1'b0;
      out_valid <= 1'b0;
    end else begin
      if (advance) out_valid <= full[leaving];
      if (reads) begin
        i4 <= ends4 ? '0 : i4 + BITS4'(1);
        if (ends4) i3 <= ends3 ? '0 : i3 + BITS3'(1);
        if (ends4 && ends3) i2 <= ends2 ? '0 : i2 + BITS2'(1);
        if (ends4 && ends3 && ends2) i1 <= ends1 ? '0 : i1 + BITS1'(1);
        if (!ends4) address <= address + AT_BITS'(S4);
        else if (!ends3) address <= address + AT_BITS'(TURN3);
        else if (!ends2) address <= address + AT_BITS'(TURN2);
        else if (!ends1) address <= address + AT_BITS'(TURN1);
        else address <= AT_BITS'(AT);
        leaving <= leaving ^ left;
      end
    end
    if (reads) out_data <= memory[ADDRESS_BITS'(address) + (leaving ? ADDRESS_BITS'(I) : '0)];
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      full <= 2'b00;
    end else begin
      if (filled) full[filling] <= 1'b1;
      if (left) full[leaving] <= 1'b0;
    end
  end
endmodule
