// For each position, CO picks of its CI elements of E bits: element beat*GO + g of the result is element
// pick[g][beat] of the input, or 0 if that is CI. Reads beats of GI and writes beats of GO, the first one
// with the last beat read: P*(CI/GI + CO/GO - 1) cycles per frame.
module blendir_take #(
  parameter int E = 1,
  parameter int CI = 1,
  parameter int CO = 1,
  parameter int GI = 1,
  parameter int GO = 1,
  parameter PICK_FILE = ""
) (
  input  logic clk,
  input  logic rst,
  input  logic [GI*E-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [GO*E-1:0] out_data,
  output logic out_valid,
  input  logic out_ready
);
  localparam int LATENCY = 2;
  localparam int BI = CI / GI;
  localparam int BO = CO / GO;
  localparam int PHASES = BI + BO - 1;
  localparam int PHASE_BITS = $clog2(PHASES + 1);
  localparam int PICK_BITS = $clog2(CI + 1);

  logic [GO*PICK_BITS-1:0] pick[BO];
  initial $readmemh(PICK_FILE, pick);

  logic [PHASE_BITS-1:0] phase, written_phase;
  logic [CI*E-1:0] held;
  logic held_valid;

  wire advance = !out_valid || out_ready;
  wire reading = phase < PHASE_BITS'(BI);
  wire fires = advance && (in_valid || !reading);
  assign in_ready = advance && reading;

  always_ff @(posedge clk) begin
    if (rst) begin
      phase <= '0;
      held_valid <= 1'b0;
      out_valid <= 1'b0;
    end else if (advance) begin
      if (fires) phase <= phase == PHASE_BITS'(PHASES - 1) ? '0 : phase + PHASE_BITS'(1);
      held_valid <= fires && phase + PHASE_BITS'(1) >= PHASE_BITS'(BI);
      out_valid <= held_valid;
    end
    if (advance) written_phase <= phase;
  end

  for (genvar b = 0; b < BI; b++) begin : g_held
    always_ff @(posedge clk) begin
      if (fires && phase == PHASE_BITS'(b)) held[b*GI*E+:GI*E] <= in_data;
    end
  end

  // A multiplexer over the beats of the result: the picks of each are constants.
  wire [(CI+1)*E-1:0] elements = {E'(0), held};
  logic [GO*E-1:0] result;
  always_comb begin
    result = '0;
    for (int b = 0; b < BO; b++) begin
      for (int g = 0; g < GO; g++) begin
        if (written_phase == PHASE_BITS'(BI - 1 + b)) begin
          result[g*E+:E] = elements[32'(pick[b][g*PICK_BITS+:PICK_BITS])*E+:E];
        end
      end
    end
  end

  always_ff @(posedge clk) begin
    if (advance) out_data <= result;
  end
endmodule
