// The places, in EO bits, of the K largest of the C elements of E bits of a position, which come one per
// beat; the largest first and of equal ones the first. Writes beats of GO, the first one with the
// last element: P*(C + K/GO - 1) cycles per frame.
module blendir_top_k #(
  parameter int C = 1,
  parameter int E = 1,
  parameter int IS_SIGNED = 0,
  parameter int EO = 1,
  parameter int K = 1,
  parameter int GO = 1
) (
  input  logic clk,
  input  logic rst,
  input  logic [E-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [GO*EO-1:0] out_data,
  output logic out_valid,
  input  logic out_ready
);
  localparam int LATENCY = 3;
  localparam int BO = K / GO;
  localparam int PHASES = C + BO - 1;
  localparam int BITS = $clog2(PHASES + 1);

  function automatic logic larger(input logic [E-1:0] x, input logic [E-1:0] than);
    larger = IS_SIGNED != 0 ? $signed(x) > $signed(than) : x > than;
  endfunction

  logic [BITS-1:0] phase;
  wire advance = !out_valid || out_ready;
  wire reading = phase < BITS'(C);
  wire fires = advance && (in_valid || !reading);
  assign in_ready = advance && reading;

  // Stage 1: an element.
  logic [E-1:0] value;
  logic [BITS-1:0] value_phase;
  logic value_valid;
  always_ff @(posedge clk) begin
    if (rst) begin
      phase <= '0;
      value_valid <= 1'b0;
    end else if (advance) begin
      if (fires) phase <= phase == BITS'(PHASES - 1) ? '0 : phase + BITS'(1);
      value_valid <= fires;
    end
    if (advance) begin
      value <= in_data;
      value_phase <= phase;
    end
  end

  // Stage 2: the best so far. An element moves those that are smaller, the first of which it replaces.
  logic [E-1:0] best[K];
  logic [EO-1:0] place[K];
  logic [K-1:0] beaten;
  for (genvar k = 0; k < K; k++) begin : g_best
    assign beaten[k] = value_phase <= BITS'(k) || larger(value, best[k]);
    always_ff @(posedge clk) begin
      if (advance && value_valid && value_phase < BITS'(C) && beaten[k]) begin
        if (k > 0 && beaten[k>0?k-1:0]) begin
          best[k] <= best[k>0?k-1:0];
          place[k] <= place[k>0?k-1:0];
        end else begin
          best[k] <= value;
          place[k] <= EO'(value_phase);
        end
      end
    end
  end

  // Stage 3: the places.
  logic [BITS-1:0] best_phase;
  logic best_valid;
  logic [GO*EO-1:0] result;
  always_comb begin
    result = '0;
    for (int b = 0; b < BO; b++) begin
      for (int g = 0; g < GO; g++) begin
        if (best_phase == BITS'(C - 1 + b)) result[g*EO+:EO] = place[b*GO+g];
      end
    end
  end
  always_ff @(posedge clk) begin
    if (rst) begin
      best_valid <= 1'b0;
      out_valid <= 1'b0;
    end else if (advance) begin
      best_valid <= value_valid && value_phase + BITS'(1) >= BITS'(C);
      out_valid <= best_valid;
    end
    if (advance) begin
      best_phase <= value_phase;
      out_data <= result;
    end
  end
endmodule
