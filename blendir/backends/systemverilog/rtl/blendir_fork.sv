// Copies of a stream of beats of N bits. A beat leaves when all readers take it. A cycle per beat.
module blendir_fork #(
  parameter int N = 1,
  parameter int COPIES = 2
) (
  input  logic clk,
  input  logic rst,
  input  logic [N-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [N-1:0] held,
  output logic [COPIES-1:0] out_valid,
  input  logic [COPIES-1:0] out_ready
);
  localparam int LATENCY = 1;
  logic advance, valid;
  assign advance = !valid || (&out_ready);
  assign in_ready = advance && !rst;
  assign out_valid = {COPIES{valid && (&out_ready)}};
  always_ff @(posedge clk)
    if (rst) valid <= 1'b0;
    else if (advance) valid <= in_valid;
  always_ff @(posedge clk) if (advance) held <= in_data;
endmodule

module blendir_fork2 #(
  parameter int N = 1
) (
  input  logic clk,
  input  logic rst,
  input  logic [N-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [N-1:0] o1_data,
  output logic o1_valid,
  input  logic o1_ready,
  output logic [N-1:0] o2_data,
  output logic o2_valid,
  input  logic o2_ready
);
  assign o2_data = o1_data;
  blendir_fork #(.N(N), .COPIES(2)) copies (
    .clk, .rst, .in_data, .in_valid, .in_ready, .held(o1_data), .out_valid({o2_valid, o1_valid}),
    .out_ready({o2_ready, o1_ready})
  );
endmodule

module blendir_fork3 #(
  parameter int N = 1
) (
  input  logic clk,
  input  logic rst,
  input  logic [N-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [N-1:0] o1_data,
  output logic o1_valid,
  input  logic o1_ready,
  output logic [N-1:0] o2_data,
  output logic o2_valid,
  input  logic o2_ready,
  output logic [N-1:0] o3_data,
  output logic o3_valid,
  input  logic o3_ready
);
  assign o2_data = o1_data;
  assign o3_data = o1_data;
  blendir_fork #(.N(N), .COPIES(3)) copies (
    .clk, .rst, .in_data, .in_valid, .in_ready, .held(o1_data), .out_valid({o3_valid, o2_valid, o1_valid}),
    .out_ready({o3_ready, o2_ready, o1_ready})
  );
endmodule

module blendir_fork4 #(
  parameter int N = 1
) (
  input  logic clk,
  input  logic rst,
  input  logic [N-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [N-1:0] o1_data,
  output logic o1_valid,
  input  logic o1_ready,
  output logic [N-1:0] o2_data,
  output logic o2_valid,
  input  logic o2_ready,
  output logic [N-1:0] o3_data,
  output logic o3_valid,
  input  logic o3_ready,
  output logic [N-1:0] o4_data,
  output logic o4_valid,
  input  logic o4_ready
);
  assign o2_data = o1_data;
  assign o3_data = o1_data;
  assign o4_data = o1_data;
  blendir_fork #(.N(N), .COPIES(4)) copies (
    .clk, .rst, .in_data, .in_valid, .in_ready, .held(o1_data), .out_valid({o4_valid, o3_valid, o2_valid, o1_valid}),
    .out_ready({o4_ready, o3_ready, o2_ready, o1_ready})
  );
endmodule
