// The boundary of a design: AXI4-Stream words.

// The low N bits of each word of NI bits.
module blendir_axi_source #(
  parameter int NI = 8,
  parameter int N = 8
) (
  input  logic clk,
  input  logic rst,
  input  logic [NI-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [N-1:0] out_data,
  output logic out_valid,
  input  logic out_ready
);
  localparam int LATENCY = 1;
  logic advance;
  assign advance = !out_valid || out_ready;
  assign in_ready = advance && !rst;
  always_ff @(posedge clk)
    if (rst) out_valid <= 1'b0;
    else if (advance) out_valid <= in_valid;
  always_ff @(posedge clk) if (advance) out_data <= in_data[N-1:0];

  generate
    if (NI > N) begin : padding
      wire unused = &{1'b0, in_data[NI-1:N]};
    end
  endgenerate
endmodule

// One word of NO bits per element, sign- or zero-extended, from P positions of V elements in ceil(V/G) beats of G.
// `out_last` marks the last word of a frame. P*V cycles per frame.
module blendir_axi_sink #(
  parameter int P = 1,
  parameter int V = 1,
  parameter int G = 1,
  parameter int E = 8,
  parameter int IS_SIGNED = 1,
  parameter int NO = 32
) (
  input  logic clk,
  input  logic rst,
  input  logic [G*E-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [NO-1:0] out_data,
  output logic out_valid,
  output logic out_last,
  input  logic out_ready
);
  localparam int LATENCY = 1;
  localparam int BV = V > 1 ? $clog2(V) : 1;
  localparam int BG = G > 1 ? $clog2(G) : 1;
  localparam int BP = P > 1 ? $clog2(P) : 1;
  logic [BV-1:0] element;
  logic [BG-1:0] lane;
  logic [BP-1:0] position;
  logic advance, step, vector_end, beat_end;
  assign advance = !out_valid || out_ready;
  assign step = advance && in_valid;
  assign vector_end = element == BV'(V - 1);
  assign beat_end = vector_end || lane == BG'(G - 1);
  assign in_ready = advance && beat_end && !rst;

  logic [E-1:0] value;
  assign value = in_data[32'(lane)*E +: E];
  generate
    if (NO == E) begin : whole
      always_ff @(posedge clk) if (advance) out_data <= value;
    end else begin : extended
      always_ff @(posedge clk) if (advance) out_data <= {{(NO - E){IS_SIGNED != 0 && value[E-1]}}, value};
    end
  endgenerate
  always_ff @(posedge clk) if (advance) out_last <= vector_end && position == BP'(P - 1);
  always_ff @(posedge clk)
    if (rst) begin
      element <= '0;
      lane <= '0;
      position <= '0;
      out_valid <= 1'b0;
    end else begin
      if (advance) out_valid <= in_valid;
      if (step) begin
        element <= vector_end ? '0 : element + 1'b1;
        lane <= beat_end ? '0 : lane + 1'b1;
        if (vector_end) position <= position == BP'(P - 1) ? '0 : position + 1'b1;
      end
    end
endmodule
