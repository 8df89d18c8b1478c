// The number of ones in N bits: groups of six bits become their three-bit counts, each bit a function of six inputs, and
// a tree adds them. With BLENDIR_FAST, for simulation, the simulator counts and registers keep the latency.
module blendir_popcount #(
  parameter int N = 6,
  localparam int WIDTH = $clog2(N + 1)
) (
  input  logic clk,
  input  logic enable,
  input  logic [N-1:0] bits,
  output logic [WIDTH-1:0] count
);
  localparam int GROUPS = (N + 5) / 6;
  localparam int LATENCY = 1 + ($clog2(GROUPS) + 1) / 2;
`ifdef BLENDIR_FAST
  blendir_delay #(.WIDTH(WIDTH), .STAGES(LATENCY)) delay (
    .clk, .enable, .now(WIDTH'($countones(bits))), .later(count)
  );
`else
  localparam int SUM = 3 + $clog2(GROUPS);
  logic [6*GROUPS-1:0] padded;
  logic [3*GROUPS-1:0] counts;
  logic [SUM-1:0] total;
  assign padded = (6*GROUPS)'(bits);

  function automatic logic majority(input logic a, input logic b, input logic c);
    majority = (a & b) | (a & c) | (b & c);
  endfunction

  generate
    for (genvar i = 0; i < GROUPS; i++) begin : six
      logic [5:0] v;
      logic low, high, both;
      assign v = padded[6*i +: 6];
      assign low = majority(v[0], v[1], v[2]);
      assign high = majority(v[3], v[4], v[5]);
      assign both = (^v[2:0]) & (^v[5:3]);
      always_ff @(posedge clk)
        if (enable) counts[3*i +: 3] <= {majority(low, high, both), low ^ high ^ both, ^v};
    end
    if (SUM > WIDTH) begin : spare
      wire unused = &{1'b0, total[SUM-1:WIDTH]};
    end
  endgenerate
  blendir_sum #(.N(GROUPS), .W(3)) tree (.clk, .enable, .values(counts), .total);
  assign count = WIDTH'(total);
`endif
endmodule
