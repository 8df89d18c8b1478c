// out = saturate_EO(round(a*b / 2^SHIFT)), a of EA and b of EB bits. C elements per position in beats of G. A position of
// b is the factor of HELD positions of a; it is read with the first of them. A cycle per beat.
module blendir_product #(
  parameter int C = 1,
  parameter int G = 1,
  parameter int EA = 8,
  parameter int SIGNED_A = 1,
  parameter int EB = 8,
  parameter int SIGNED_B = 1,
  parameter int HELD = 1,
  parameter int SHIFT = 0,
  parameter int ROUND = 0,
  parameter int EO = 8
) (
  input  logic clk,
  input  logic rst,
  input  logic [G*EA-1:0] a_data,
  input  logic a_valid,
  output logic a_ready,
  input  logic [G*EB-1:0] b_data,
  input  logic b_valid,
  output logic b_ready,
  output logic [G*EO-1:0] out_data,
  output logic out_valid,
  input  logic out_ready
);
  localparam int LATENCY = 3;
  localparam int GROUPS = C / G;
  localparam int BC = GROUPS > 1 ? $clog2(GROUPS) : 1;
  localparam int BH = HELD > 1 ? $clog2(HELD) : 1;
  localparam int XA = SIGNED_A != 0 ? EA : EA + 1;
  localparam int XB = SIGNED_B != 0 ? EB : EB + 1;
  logic advance, fresh, step;
  logic [BC-1:0] group;
  logic [BH-1:0] position;
  logic [LATENCY-2:0] valid;
  logic [G*EA-1:0] beat;
  logic [G*EB-1:0] factor, kept, held;
  assign advance = !out_valid || out_ready;
  assign fresh = position == '0;
  assign step = advance && a_valid && (!fresh || b_valid) && !rst;
  assign a_ready = advance && (!fresh || b_valid) && !rst;
  assign b_ready = advance && fresh && a_valid && !rst;
  // The next element for a factor comes GROUPS steps later: a delay line, not an addressed memory.
  assign factor = fresh ? b_data : kept;
  blendir_delay #(.WIDTH(G*EB), .STAGES(GROUPS)) delay (.clk, .enable(step), .now(factor), .later(kept));
  always_ff @(posedge clk)
    if (rst) begin
      group <= '0;
      position <= '0;
      valid <= '0;
      out_valid <= 1'b0;
    end else if (advance) begin
      valid <= {valid[LATENCY-3:0], step};
      out_valid <= valid[LATENCY-2];
      if (step) begin
        group <= group == BC'(GROUPS - 1) ? '0 : group + 1'b1;
        if (group == BC'(GROUPS - 1)) position <= position == BH'(HELD - 1) ? '0 : position + 1'b1;
      end
    end
  always_ff @(posedge clk)
    if (advance) begin
      beat <= a_data;
      held <= factor;
    end
  generate
    for (genvar g = 0; g < G; g++) begin : element
      logic signed [XA-1:0] x;
      logic signed [XB-1:0] y;
      logic signed [XA+XB-1:0] product;
      logic signed [EO-1:0] r;
      blendir_element #(.E(EA), .IS_SIGNED(SIGNED_A)) left (.bits(beat[g*EA +: EA]), .x);
      blendir_element #(.E(EB), .IS_SIGNED(SIGNED_B)) right (.bits(held[g*EB +: EB]), .x(y));
      blendir_narrow #(.W(XA+XB), .SHIFT(SHIFT), .ROUND(ROUND), .EO(EO)) narrow (.v(product), .r);
      always_ff @(posedge clk)
        if (advance) begin
          product <= (XA+XB)'(x) * (XA+XB)'(y);
          out_data[g*EO +: EO] <= r;
        end
    end
  endgenerate
endmodule
