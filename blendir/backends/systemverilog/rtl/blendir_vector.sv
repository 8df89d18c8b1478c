// The vector of a matrix-vector unit in SF beats of N bits: read from the stream for the first output fold, replayed for
// the others. `beat` is there one enabled cycle after its step. A step takes a beat of the stream where `fresh` is 1.
module blendir_vector #(
  parameter int N = 1,
  parameter int SF = 1,
  parameter int NF = 1,
  localparam int BS = SF > 1 ? $clog2(SF) : 1
) (
  input  logic clk,
  input  logic enable,
  input  logic step,
  input  logic fresh,
  input  logic [BS-1:0] sf,
  input  logic [N-1:0] in_data,
  output logic [N-1:0] beat
);
  generate
    if (NF == 1) begin : passing
      always_ff @(posedge clk) if (enable) beat <= in_data;
      wire unused = &{1'b0, step, fresh, sf};
    end else begin : replayed
      (* ram_style = "distributed" *) logic [N-1:0] kept [SF];
      always_ff @(posedge clk) begin
        if (step && fresh) kept[sf] <= in_data;
        if (enable) beat <= fresh ? in_data : kept[sf];
      end
    end
  endgenerate
endmodule
