// sum = saturate_EO(round((a*2^SA + b*2^SB) / 2^SHIFT)) and bit = (sum >= t) xor inv, t and inv per channel: channel
// c*G + g is element g of beat c. A result leaves when both of its readers take it. A cycle per beat.
module blendir_residual #(
  parameter int C = 1,
  parameter int G = 1,
  parameter int EA = 8,
  parameter int EB = 8,
  parameter int SA = 0,
  parameter int SB = 0,
  parameter int SHIFT = 0,
  parameter int ROUND = 0,
  parameter int EO = 8,
  parameter int TB = 8,
  parameter THRESHOLDS_FILE = "",
  parameter INVERT_FILE = ""
) (
  input  logic clk,
  input  logic rst,
  input  logic [G*EA-1:0] a_data,
  input  logic a_valid,
  output logic a_ready,
  input  logic [G*EB-1:0] b_data,
  input  logic b_valid,
  output logic b_ready,
  output logic [G*EO-1:0] sum_data,
  output logic sum_valid,
  input  logic sum_ready,
  output logic [G-1:0] bit_data,
  output logic bit_valid,
  input  logic bit_ready
);
  localparam int LATENCY = 3;
  localparam int GROUPS = C / G;
  localparam int BC = GROUPS > 1 ? $clog2(GROUPS) : 1;
  localparam int TOTAL = (EA + SA > EB + SB ? EA + SA : EB + SB) + 1;
  logic advance, read, summed, narrowed, valid;
  logic [G*TOTAL-1:0] total;
  logic [G*EO-1:0] narrow_sums;
  logic [BC-1:0] group;
  logic [G*TB-1:0] limits;
  logic [G-1:0] flips;
  assign advance = !valid || (sum_ready && bit_ready);
  assign sum_valid = valid && bit_ready;
  assign bit_valid = valid && sum_ready;
  assign read = a_valid && b_valid;
  assign a_ready = advance && b_valid && !rst;
  assign b_ready = advance && a_valid && !rst;
  blendir_aligned_sum #(.G(G), .EA(EA), .EB(EB), .SA(SA), .SB(SB), .TOTAL(TOTAL)) sums (
    .clk, .advance, .a(a_data), .b(b_data), .total
  );
  blendir_rom #(.WIDTH(G*TB), .DEPTH(GROUPS), .FILE(THRESHOLDS_FILE)) thresholds (
    .clk, .enable(advance), .address(group), .data(limits)
  );
  blendir_rom #(.WIDTH(G), .DEPTH(GROUPS), .FILE(INVERT_FILE)) invert (
    .clk, .enable(advance), .address(group), .data(flips)
  );
  always_ff @(posedge clk)
    if (rst) begin
      group <= '0;
      summed <= 1'b0;
      narrowed <= 1'b0;
      valid <= 1'b0;
    end else if (advance) begin
      summed <= read;
      narrowed <= summed;
      valid <= narrowed;
      if (summed) group <= group == BC'(GROUPS - 1) ? '0 : group + 1'b1;
    end
  always_ff @(posedge clk) if (advance) sum_data <= narrow_sums;
  generate
    for (genvar g = 0; g < G; g++) begin : element
      logic signed [EO-1:0] r;
      logic above;
      blendir_narrow #(.W(TOTAL), .SHIFT(SHIFT), .ROUND(ROUND), .EO(EO)) narrow (.v(total[g*TOTAL +: TOTAL]), .r);
      blendir_at_least #(.E(EO), .IS_SIGNED(1), .TB(TB)) comparison (
        .x(narrow_sums[g*EO +: EO]), .limit(limits[g*TB +: TB]), .above
      );
      always_ff @(posedge clk)
        if (advance) begin
          narrow_sums[g*EO +: EO] <= r;
          bit_data[g] <= above ^ flips[g];
        end
    end
  endgenerate
endmodule
