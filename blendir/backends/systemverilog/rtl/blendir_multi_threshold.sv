// out = LOWEST + STEP * (number of the L thresholds that hold), EO signed bits. Threshold l of element g of a
// beat holds if (x >= thresholds[g*L + l]) xor invert[g], x of E bits. P*(C/G) cycles per frame.
module blendir_multi_threshold #(
  parameter int C = 1,
  parameter int G = 1,
  parameter int E = 1,
  parameter int IS_SIGNED = 0,
  parameter int L = 1,
  parameter int TB = 1,
  parameter int LOWEST = 0,
  parameter int STEP = 1,
  parameter int EO = 1,
  parameter THRESHOLDS_FILE = "",
  parameter INVERT_FILE = ""
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
  localparam int LATENCY = 4;
  localparam int GROUPS = C / G;
  localparam int GROUP_BITS = GROUPS > 1 ? $clog2(GROUPS) : 1;
  localparam int PART = 16;
  localparam int PARTS = (L + PART - 1) / PART;
  localparam int COUNT = $clog2(L + 1);

  wire advance = !out_valid || out_ready;
  assign in_ready = advance;
  logic [2:0] valid;
  always_ff @(posedge clk) begin
    if (rst) {out_valid, valid} <= '0;
    else if (advance) {out_valid, valid} <= {valid, in_valid};
  end

  // Stage 1: a beat and its thresholds.
  logic [GROUP_BITS-1:0] group;
  logic [G*E-1:0] beat;
  logic [G*L*TB-1:0] limits;
  logic [G-1:0] flips;
  always_ff @(posedge clk) begin
    if (rst) group <= '0;
    else if (advance && in_valid) group <= group == GROUP_BITS'(GROUPS - 1) ? '0 : group + GROUP_BITS'(1);
    if (advance) beat <= in_data;
  end
  blendir_rom #(.WIDTH(G*L*TB), .DEPTH(GROUPS), .FILE(THRESHOLDS_FILE)) thresholds (
    .clk, .enable(advance), .address(group), .data(limits)
  );
  blendir_rom #(.WIDTH(G), .DEPTH(GROUPS), .FILE(INVERT_FILE)) invert (
    .clk, .enable(advance), .address(group), .data(flips)
  );

  for (genvar g = 0; g < G; g++) begin : g_element
    // Stage 2: which thresholds hold.
    logic [L-1:0] holds;
    for (genvar l = 0; l < L; l++) begin : g_level
      logic above;
      blendir_at_least #(.E(E), .IS_SIGNED(IS_SIGNED), .TB(TB)) comparison (
        .x(beat[g*E+:E]), .limit(limits[(g*L+l)*TB+:TB]), .above
      );
      always_ff @(posedge clk) if (advance) holds[l] <= above ^ flips[g];
    end

    // Stage 3: how many in parts.
    logic [COUNT-1:0] counts[PARTS];
    for (genvar p = 0; p < PARTS; p++) begin : g_part
      localparam int SIZE = p * PART + PART > L ? L - p * PART : PART;
      always_ff @(posedge clk) if (advance) counts[p] <= COUNT'($countones(holds[p*PART+:SIZE]));
    end

    // Stage 4: the level.
    logic [COUNT-1:0] count;
    always_comb begin
      count = '0;
      for (int p = 0; p < PARTS; p++) count += counts[p];
    end
    always_ff @(posedge clk) begin
      if (advance) out_data[g*EO+:EO] <= EO'(LOWEST) + EO'(STEP) * EO'(count);
    end
  end
endmodule
