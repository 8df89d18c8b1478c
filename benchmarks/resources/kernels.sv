// The leaves of a streaming design as hardware, one module each, for a synthesiser to count.
//
// Registers stand where a pipeline at a high clock rate has them: after every level of a tree and around every unit.
// Constants come from a multiplicative hash, so that no structure in them can be exploited.

// A pseudo-random bit of a constant.
`define HASH(i) (((((i) + 1) * 32'h9E3779B1) ^ ((((i) + 1) * 32'h85EBCA6B) >> 13)) >> 16 & 1)

// Pairwise sums, a register after each level: M values of W bits become one of OUT bits.
module add_tree #(parameter M = 4, W = 3, OUT = 5) (input clk, input [M*W-1:0] in, output [OUT-1:0] out);
  generate
    if (M == 1) assign out = in;
    else begin : level
      localparam HALF = (M + 1) / 2;
      reg [HALF*(W+1)-1:0] sums;
      integer i;
      always @(posedge clk)
        for (i = 0; i < HALF; i = i + 1)
          if (2 * i + 1 < M)
            sums[i*(W+1) +: W+1] <= {1'b0, in[2*i*W +: W]} + {1'b0, in[(2*i+1)*W +: W]};
          else sums[i*(W+1) +: W+1] <= {1'b0, in[2*i*W +: W]};
      add_tree #(.M(HALF), .W(W + 1), .OUT(OUT)) rest (.clk(clk), .in(sums), .out(out));
    end
  endgenerate
endmodule

// Signed values of W bits, a register after each level.
module signed_tree #(parameter M = 4, W = 24, OUT = 26) (input clk, input [M*W-1:0] in, output [OUT-1:0] out);
  generate
    if (M == 1) assign out = $signed(in);
    else begin : level
      localparam HALF = (M + 1) / 2;
      reg [HALF*(W+1)-1:0] sums;
      integer i;
      always @(posedge clk)
        for (i = 0; i < HALF; i = i + 1)
          if (2 * i + 1 < M)
            sums[i*(W+1) +: W+1] <= $signed(in[2*i*W +: W]) + $signed(in[(2*i+1)*W +: W]);
          else sums[i*(W+1) +: W+1] <= $signed(in[2*i*W +: W]);
      signed_tree #(.M(HALF), .W(W + 1), .OUT(OUT)) rest (.clk(clk), .in(sums), .out(out));
    end
  endgenerate
endmodule

// Ones among N bits: 6:3 groups, then a tree of sums.
module ones #(parameter N = 48, TABLES = 0, OUT = $clog2(N + 1)) (input clk, input [N-1:0] x, output [OUT-1:0] count);
  localparam GROUPS = (N + 5) / 6;
  wire [6*GROUPS-1:0] padded = x;
  reg [3*GROUPS-1:0] groups;
  integer i;
  always @(posedge clk)
    for (i = 0; i < GROUPS; i = i + 1) groups[3*i +: 3] <= six(padded[6*i +: 6]);
  wire [OUT+2:0] total;
  add_tree #(.M(GROUPS), .W(3), .OUT(OUT + 3)) tree (.clk(clk), .in(groups), .out(total));
  assign count = total;

  // TABLES: each digit of a group as one table of its six inputs, which takes up inverters; else as gates.
  localparam [63:0] T0 = 64'h6996966996696996, T1 = 64'h8117177e177e7ee8, T2 = 64'hfee8e880e8808000;
  function majority(input a, b, c);
    majority = (a & b) | (a & c) | (b & c);
  endfunction
  function [2:0] six(input [5:0] v);
    reg low, high, carry;
    begin
      low = v[0] ^ v[1] ^ v[2];
      high = v[3] ^ v[4] ^ v[5];
      carry = low & high;
      six[0] = low ^ high;
      six[1] = majority(v[0], v[1], v[2]) ^ majority(v[3], v[4], v[5]) ^ carry;
      six[2] = majority(majority(v[0], v[1], v[2]), majority(v[3], v[4], v[5]), carry);
      if (TABLES) six = {T2[v], T1[v], T0[v]};
    end
  endfunction
endmodule

// Population count alone, as behind XNORs in DSPs.
module popcount #(parameter N = 48, OUT = $clog2(N + 1)) (input clk, input [N-1:0] x, output [OUT-1:0] count);
  ones #(.N(N)) unit (.clk(clk), .x(x), .count(count));
endmodule

// XNOR with constant weights: an inverter that disappears in the first level.
module popcount_constant #(parameter N = 48, OUT = $clog2(N + 1))
    (input clk, input [N-1:0] x, output [OUT-1:0] count);
  wire [N-1:0] same;
  genvar i;
  generate
    for (i = 0; i < N; i = i + 1) assign same[i] = x[i] ^ `HASH(i);
  endgenerate
  ones #(.N(N), .TABLES(1)) unit (.clk(clk), .x(same), .count(count));
endmodule

// XNORs with variable weights in LUTs: with registers before and behind them, as the DSPs have, or with none.
module popcount_xnor #(parameter N = 48, REGISTERS = 1, OUT = $clog2(N + 1))
    (input clk, input [N-1:0] x, w, output [OUT-1:0] count);
  generate
    if (REGISTERS) begin : staged
      reg [N-1:0] a, b, same;
      always @(posedge clk) {a, b, same} <= {x, w, a ~^ b};
      ones #(.N(N)) unit (.clk(clk), .x(same), .count(count));
    end else begin : plain
      ones #(.N(N)) unit (.clk(clk), .x(x ~^ w), .count(count));
    end
  endgenerate
endmodule

// Differences from weights out of a memory: the digits of the count of three lanes, counted apart.
module differences #(parameter N = 144, OUT = $clog2(N + 1))
    (input clk, input [N-1:0] x, w, output reg [OUT-1:0] count);
  localparam GROUPS = (N + 2) / 3, G = $clog2(GROUPS + 1);
  localparam [63:0] ODD = 64'h6996966996696996, MOST = 64'h172b4d8e71b2d4e8;  // of three lanes and their weights
  wire [3*GROUPS-1:0] a = x, b = w;
  reg [GROUPS-1:0] ones, twos;
  integer i;
  always @(posedge clk)
    for (i = 0; i < GROUPS; i = i + 1) begin
      ones[i] <= ODD[{a[3*i +: 3], b[3*i +: 3]}];
      twos[i] <= MOST[{a[3*i +: 3], b[3*i +: 3]}];
    end
  wire [G-1:0] low, high;
  ones #(.N(GROUPS)) lows (.clk(clk), .x(ones), .count(low));
  ones #(.N(GROUPS)) highs (.clk(clk), .x(twos), .count(high));
  always @(posedge clk) count <= low + {high, 1'b0};
endmodule

// 48 XNORs in a DSP48E2 (X = A:B, Z = C, ALUMODE 0101), then a population count.
module popcount_dsp #(parameter N = 48, OUT = $clog2(N + 1))
    (input clk, input [N-1:0] x, w, output [OUT-1:0] count);
  localparam WORDS = (N + 47) / 48;
  wire [48*WORDS-1:0] a = x, b = w, same;
  genvar i;
  generate
    for (i = 0; i < WORDS; i = i + 1)
      DSP48E2 #(.USE_MULT("NONE"), .USE_SIMD("ONE48"), .AREG(1), .BREG(1), .CREG(1), .PREG(1)) lanes (
          .CLK(clk), .A(a[48*i+18 +: 30]), .B(a[48*i +: 18]), .C(b[48*i +: 48]), .OPMODE(9'b000110011),
          .ALUMODE(4'b0101), .INMODE(5'b0), .P(same[48*i +: 48]));
  endgenerate
  ones #(.N(N)) unit (.clk(clk), .x(same[N-1:0]), .count(count));
endmodule

// What follows a population count: accumulation over the beats of a vector, then base - 2 * count.
module accumulator #(parameter W = 8, ACC = 9)
    (input clk, first, input [W-1:0] count, input signed [ACC-1:0] base, output reg signed [ACC-1:0] out);
  reg [W-1:0] sum;
  always @(posedge clk) begin
    sum <= (first ? {W{1'b0}} : sum) + count;
    out <= base - {sum, 1'b0};
  end
endmodule

// A ROM with a registered output, of the words in rom.hex: in LUTs, or in block RAM.
module rom #(parameter DEPTH = 64, WIDTH = 16, BLOCK = 0)
    (input clk, input [$clog2(DEPTH)-1:0] address, output reg [WIDTH-1:0] data);
  generate
    if (BLOCK) begin : blocks
      (* rom_style = "block" *) reg [WIDTH-1:0] memory [0:DEPTH-1];
      initial $readmemh("rom.hex", memory);
      always @(posedge clk) data <= memory[address];
    end else begin : luts
      (* rom_style = "logic" *) reg [WIDTH-1:0] memory [0:DEPTH-1];
      initial $readmemh("rom.hex", memory);
      always @(posedge clk) data <= memory[address];
    end
  endgenerate
endmodule

// bit = (x >= t) xor invert.
module threshold #(parameter E = 16) (input clk, input signed [E-1:0] x, t, input invert, output reg bit_out);
  always @(posedge clk) bit_out <= (x >= t) ^ invert;
endmodule

// round(x / 2^SHIFT), half up, saturated to EO bits.
module narrow #(parameter W = 30, SHIFT = 8, EO = 16, R = W - SHIFT + 1)
    (input clk, input signed [W-1:0] x, output reg signed [EO-1:0] out);
  reg signed [R-1:0] rounded;
  wire over = |rounded[R-1:EO-1] & ~&rounded[R-1:EO-1];
  always @(posedge clk) begin
    rounded <= (SHIFT == 0 ? {x[W-1], x} : ({x[W-1], x} + (1 << (SHIFT == 0 ? 0 : SHIFT - 1))) >>> SHIFT);
    out <= over ? {rounded[R-1], {(EO-1){~rounded[R-1]}}} : rounded[EO-1:0];
  end
endmodule

// Compare, multiply and add in a DSP48E2, round, saturate; `upper` goes to the memories of slopes and offsets.
module piecewise_linear #(parameter E = 9, AB = 20, BB = 24, SHIFT = 14, EO = 16)
    (input clk, input signed [E-1:0] x, k, input signed [AB-1:0] a, input signed [BB-1:0] b, output reg upper,
     output signed [EO-1:0] out);
  localparam W = (E + AB > BB ? E + AB : BB) + 1;
  reg signed [E-1:0] x1;
  always @(posedge clk) begin
    x1 <= x;
    upper <= x >= k;
  end
  wire [47:0] p;
  DSP48E2 #(.AREG(1), .BREG(1), .CREG(1), .MREG(1), .PREG(1)) product (
      .CLK(clk), .A({{(30-AB){a[AB-1]}}, a}), .B({{(18-E){x1[E-1]}}, x1}), .C({{(48-BB){b[BB-1]}}, b}),
      .OPMODE(9'b000110101), .ALUMODE(4'b0), .INMODE(5'b0), .P(p));
  narrow #(.W(W), .SHIFT(SHIFT), .EO(EO)) narrowed (.clk(clk), .x(p[W-1:0]), .out(out));
endmodule

// a * 2^SA + b * 2^SB, rounded and saturated.
module add #(parameter EA = 16, EB = 16, SA = 0, SB = 2, SHIFT = 2, EO = 16)
    (input clk, input signed [EA-1:0] a, input signed [EB-1:0] b, output signed [EO-1:0] out);
  localparam W = (EA + SA > EB + SB ? EA + SA : EB + SB) + 1;
  reg signed [W-1:0] sum;
  wire signed [W-1:0] left = a, right = b;
  always @(posedge clk) sum <= (left <<< SA) + (right <<< SB);
  narrow #(.W(W), .SHIFT(SHIFT), .EO(EO)) narrowed (.clk(clk), .x(sum), .out(out));
endmodule

// add, then threshold of the sum.
module residual #(parameter EA = 16, EB = 16, SA = 0, SB = 2, SHIFT = 2, EO = 16)
    (input clk, input signed [EA-1:0] a, input signed [EB-1:0] b, input signed [EO-1:0] t, input invert,
     output reg signed [EO-1:0] out, output bit_out);
  wire signed [EO-1:0] sum;
  add #(.EA(EA), .EB(EB), .SA(SA), .SB(SB), .SHIFT(SHIFT), .EO(EO)) adder (.clk(clk), .a(a), .b(b), .out(sum));
  always @(posedge clk) out <= sum;
  threshold #(.E(EO)) above (.clk(clk), .x(sum), .t(t), .invert(invert), .bit_out(bit_out));
endmodule

// N products in DSP48E2, every second one with the sum of both, and a tree of sums in logic.
module products #(parameter N = 27, E = 9, WB = 16, OUT = E + WB + $clog2(N))
    (input clk, input [N*E-1:0] x, input [N*WB-1:0] w, output [OUT-1:0] sum);
  localparam PAIRS = (N + 1) / 2, W = E + WB + (N > 1);
  wire [48*(N+1)-1:0] p;
  wire [PAIRS*W-1:0] pairs;
  assign p[48*N +: 48] = 48'b0;
  genvar i;
  generate
    for (i = 0; i < N; i = i + 1) begin : lane
      localparam ADDS = i % 2 == 0 && i + 1 < N;
      DSP48E2 #(.AREG(1), .BREG(1), .CREG(1), .MREG(1), .PREG(1)) product (
          .CLK(clk), .A({{(30-WB){w[i*WB+WB-1]}}, w[i*WB +: WB]}), .B({{(18-E){x[i*E+E-1]}}, x[i*E +: E]}),
          .C(p[48*(i+1) +: 48]), .OPMODE(ADDS ? 9'b000110101 : 9'b000000101), .ALUMODE(4'b0), .INMODE(5'b0),
          .P(p[48*i +: 48]));
      if (i % 2 == 0) assign pairs[i/2*W +: W] = p[48*i +: W];
    end
  endgenerate
  signed_tree #(.M(PAIRS), .W(W), .OUT(OUT)) tree (.clk(clk), .in(pairs), .out(sum));
endmodule

// A FIFO of shift registers: a read pointer and flags; the data of each bit in SRLs.
module fifo #(parameter WIDTH = 16, DEPTH = 16, A = $clog2(DEPTH))
    (input clk, reset, write, read, input [WIDTH-1:0] in, output [WIDTH-1:0] out, output reg empty, full);
  reg [A-1:0] last;
  wire push = write & ~full, pop = read & ~empty;
  genvar b;
  generate
    for (b = 0; b < WIDTH; b = b + 1) begin : cells
      reg [DEPTH-1:0] shifted;
      always @(posedge clk)
        if (push) shifted <= {shifted[DEPTH-2:0], in[b]};
      assign out[b] = shifted[last];
    end
  endgenerate
  always @(posedge clk)
    if (reset) begin
      empty <= 1;
      full <= 0;
      last <= 0;
    end else if (push & ~pop) begin
      empty <= 0;
      full <= last == DEPTH - 2 & ~empty;
      if (~empty) last <= last + 1;
    end else if (pop & ~push) begin
      full <= 0;
      empty <= last == 0;
      if (last != 0) last <= last - 1;
    end
endmodule

// K - 1 lines of W pixels of C bits in memories read at the column and written one pixel late.
module lines #(parameter K = 3, W = 32, C = 16, A = $clog2(W))
    (input clk, enable, input [A-1:0] column, previous, input [(K-1)*C-1:0] newest, output reg [(K-1)*C-1:0] out);
  reg [(K-1)*C-1:0] memory [0:W-1];
  always @(posedge clk)
    if (enable) begin
      memory[previous] <= newest;
      out <= memory[column];
    end
endmodule

// K x K taps of C bits that move by a pixel, are 0 outside the frame where MASK is 1, and leave in beats of N bits.
module taps #(parameter K = 3, C = 16, N = 144, MASK = 1, BEATS = (K * K * C + N - 1) / N, A = BEATS > 1 ? $clog2(BEATS) : 1)
    (input clk, move, enable, input [K*C-1:0] fresh, input [K-1:0] row, column, input [A-1:0] phase,
     output reg [N-1:0] out);
  reg [K*K*C-1:0] pixels;
  wire [BEATS*N-1:0] vector;
  integer i;
  always @(posedge clk)
    if (move)
      for (i = 0; i < K; i = i + 1)
        pixels[i*K*C +: K*C] <= {fresh[i*C +: C], pixels[i*K*C+C +: (K-1)*C]};
  genvar r, c;
  generate
    for (r = 0; r < K; r = r + 1)
      for (c = 0; c < K; c = c + 1)
        assign vector[(r*K+c)*C +: C] = pixels[(r*K+c)*C +: C] & {C{row[r] & column[c] | ~MASK}};
    if (BEATS * N > K * K * C) assign vector[BEATS*N-1:K*K*C] = 0;
    if (BEATS == 1) begin : whole
      always @(posedge clk) if (enable) out <= vector;
    end else begin : part
      always @(posedge clk) if (enable) out <= vector[phase*N +: N];
    end
  endgenerate
endmodule

// The vector of a folded unit: taken in during the first of several rounds, then replayed; XNOR with one row of
// weights on the way where XNOR is 1.
module replay #(parameter N = 144, BEATS = 1, XNOR = 0, A = BEATS > 1 ? $clog2(BEATS) : 1)
    (input clk, enable, fresh, input [N-1:0] in, w, input [A-1:0] index, output reg [N-1:0] out);
  wire load = enable & fresh;
  wire [N-1:0] stored;
  generate
    if (BEATS == 1) begin : register
      reg [N-1:0] held;
      always @(posedge clk) if (load) held <= in;
      assign stored = held;
    end else begin : memory
      reg [N-1:0] held [0:BEATS-1];
      always @(posedge clk) if (load) held[index] <= in;
      assign stored = held[index];
    end
  endgenerate
  always @(posedge clk) if (enable) out <= (fresh ? in : stored) ^ (XNOR ? ~w : {N{1'b0}});
endmodule

// A pool's group: partial results meet their next tap GROUPS beats later.
module pool_sum #(parameter E = 16, EO = 18, GROUPS = 16)
    (input clk, enable, first, input signed [E-1:0] x, output signed [EO-1:0] out);
  reg signed [EO-1:0] partial [0:GROUPS-1];
  wire signed [EO-1:0] value = first ? x : partial[GROUPS-1] + x;
  integer i;
  always @(posedge clk)
    if (enable) begin
      partial[0] <= value;
      for (i = 1; i < GROUPS; i = i + 1) partial[i] <= partial[i-1];
    end
  assign out = value;
endmodule

// The control of a process: start and done, a 48-bit loop counter, two counters of position, stalls on one input
// and one output, and a valid bit for each of D stages.
module control #(parameter D = 10, X = 5, Y = 5, LENGTH = 12)
    (input clk, reset, start, empty, full, input [31:0] frames, output read, write, enable, output reg done,
     output reg [X-1:0] x, output reg [Y-1:0] y);
  reg running;
  reg [47:0] n, total;
  reg [D-1:0] valid;
  wire more = n != total;
  assign enable = ~(valid[D-1] & full);
  assign read = running & more & ~empty & enable;
  assign write = valid[D-1] & ~full;
  always @(posedge clk)
    if (reset) begin
      running <= 0;
      valid <= 0;
      done <= 0;
    end else begin
      done <= running & ~more & ~|valid;
      if (start & ~running) begin
        running <= 1;
        total <= {16'b0, frames} << LENGTH;
        n <= 0;
        x <= 0;
        y <= 0;
      end else begin
        if (running & ~more & ~|valid) running <= 0;
        if (enable) valid <= {valid[D-2:0], read};
        if (read) begin
          n <= n + 1;
          x <= x == (1 << X) - 2 ? 0 : x + 1;
          if (x == (1 << X) - 2) y <= y == (1 << Y) - 2 ? 0 : y + 1;
        end
      end
    end
endmodule

// The same with constants, where a unit serves one channel only.
module piecewise_linear_constant #(parameter E = 9, AB = 20, BB = 24, SHIFT = 14, EO = 16)
    (input clk, input signed [E-1:0] x, output signed [EO-1:0] out);
  wire upper;
  piecewise_linear #(.E(E), .AB(AB), .BB(BB), .SHIFT(SHIFT), .EO(EO)) unit (
      .clk(clk), .x(x), .k(32'h9E3779B1), .a(upper ? 32'h85EBCA6B : 32'hC2B2AE35),
      .b(upper ? 32'h27D4EB2F : 32'h165667B1), .upper(upper), .out(out));
endmodule

module residual_constant #(parameter EA = 16, EB = 16, SA = 0, SB = 2, SHIFT = 2, EO = 16)
    (input clk, input signed [EA-1:0] a, input signed [EB-1:0] b, output signed [EO-1:0] out, output bit_out);
  residual #(.EA(EA), .EB(EB), .SA(SA), .SB(SB), .SHIFT(SHIFT), .EO(EO)) unit (
      .clk(clk), .a(a), .b(b), .t(32'h9E3779B1), .invert(1'b0), .out(out), .bit_out(bit_out));
endmodule

// A FIFO in block RAM: two pointers and a register on the way out.
module fifo_block #(parameter WIDTH = 16, DEPTH = 512, A = $clog2(DEPTH))
    (input clk, reset, write, read, input [WIDTH-1:0] in, output reg [WIDTH-1:0] out, output empty, full);
  (* ram_style = "block" *) reg [WIDTH-1:0] cells [0:DEPTH-1];
  reg [A-1:0] head, tail;
  reg [A:0] count;
  reg held;
  wire push = write & ~full, fetch = count != 0 & (~held | read);
  assign empty = ~held, full = count == DEPTH;
  always @(posedge clk) begin
    if (push) cells[tail] <= in;
    if (fetch) out <= cells[head];
  end
  always @(posedge clk)
    if (reset) begin
      head <= 0;
      tail <= 0;
      count <= 0;
      held <= 0;
    end else begin
      if (push) tail <= tail == DEPTH - 1 ? 0 : tail + 1;
      if (fetch) head <= head == DEPTH - 1 ? 0 : head + 1;
      count <= count + push - fetch;
      if (fetch) held <= 1;
      else if (read) held <= 0;
    end
endmodule

// The line memory of a pool.
module pool_line #(parameter E = 18, CELLS = 32, A = $clog2(CELLS))
    (input clk, write, input [A-1:0] cell_in, cell_out, input [E-1:0] in, output reg [E-1:0] out);
  reg [E-1:0] cells [0:CELLS-1];
  always @(posedge clk) begin
    if (write) cells[cell_in] <= in;
    out <= cells[cell_out];
  end
endmodule
