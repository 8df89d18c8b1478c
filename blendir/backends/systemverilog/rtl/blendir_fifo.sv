// A FIFO of exactly DEPTH beats of WIDTH bits. What is written in one cycle can be read in the next one, and from block
// RAM two cycles later. `in_ready` does not depend on `out_ready`. It is a shift register, or with BLOCK a block RAM with
// a register behind it, which is one of the DEPTH places. With BLENDIR_FAST, for simulation, beats do not move.
module blendir_fifo #(
  parameter int WIDTH = 1,
  parameter int DEPTH = 2,
  parameter int BLOCK = 0
) (
  input  logic clk,
  input  logic rst,
  input  logic [WIDTH-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [WIDTH-1:0] out_data,
  output logic out_valid,
  input  logic out_ready
);
  localparam int COUNT = $clog2(DEPTH + 1);
  logic [COUNT-1:0] count;
  logic push, pop;
  assign in_ready = count != COUNT'(DEPTH);
  assign push = in_valid && in_ready;
  assign pop = out_valid && out_ready;
  always_ff @(posedge clk)
    if (rst) count <= '0;
    else if (push != pop) count <= push ? count + 1'b1 : count - 1'b1;

  generate
    if (BLOCK != 0 && DEPTH > 1) begin : memory
      localparam int CELLS = DEPTH - 1;
      localparam int ADDRESS = CELLS > 1 ? $clog2(CELLS) : 1;
      (* ram_style = "block" *) logic [WIDTH-1:0] cells [CELLS];
      logic [ADDRESS-1:0] head, tail;
      logic [COUNT-1:0] stored;  // beats in `cells`, without the one behind them
      logic load, shown;
      logic [WIDTH-1:0] front;
      assign load = stored != '0 && (!shown || pop);
      assign out_valid = shown;
      assign out_data = front;
      always_ff @(posedge clk) begin
        if (push) cells[tail] <= in_data;
        if (load) front <= cells[head];
        if (rst) begin
          head <= '0;
          tail <= '0;
          stored <= '0;
          shown <= 1'b0;
        end else begin
          if (push) tail <= tail == ADDRESS'(CELLS - 1) ? '0 : tail + 1'b1;
          if (load) head <= head == ADDRESS'(CELLS - 1) ? '0 : head + 1'b1;
          if (push != load) stored <= push ? stored + 1'b1 : stored - 1'b1;
          if (load || pop) shown <= load;
        end
      end
`ifdef BLENDIR_FAST
    end else begin : circular
      localparam int ADDRESS = DEPTH > 1 ? $clog2(DEPTH) : 1;
      logic [WIDTH-1:0] cells [DEPTH];
      logic [ADDRESS-1:0] head, tail;
      assign out_valid = count != '0;
      assign out_data = cells[head];
      always_ff @(posedge clk) begin
        if (push) cells[tail] <= in_data;
        if (rst) begin
          head <= '0;
          tail <= '0;
        end else begin
          if (push) tail <= tail == ADDRESS'(DEPTH - 1) ? '0 : tail + 1'b1;
          if (pop) head <= head == ADDRESS'(DEPTH - 1) ? '0 : head + 1'b1;
        end
      end
    end
`else
    end else begin : shifted
      localparam int ADDRESS = DEPTH > 1 ? $clog2(DEPTH) : 1;
      logic [ADDRESS-1:0] oldest;
      assign oldest = ADDRESS'(count - 1'b1);
      assign out_valid = count != '0;
      for (genvar b = 0; b < WIDTH; b++) begin : lane
        (* srl_style = "srl" *) logic [DEPTH-1:0] line;
        always_ff @(posedge clk) if (push) line <= DEPTH'({line, in_data[b]});
        assign out_data[b] = line[oldest];
      end
    end
`endif
  endgenerate

`ifdef BLENDIR_TRACE
  // With `+trace=<folder>`, <folder>/<instance>.bin has every beat in whole 32-bit words, and <instance>.times the cycles
  // of writes, and with bit 31 those of reads.
  string folder;
  int beats = 0, times = 0;
  initial
    if ($value$plusargs("trace=%s", folder)) begin
      beats = $fopen($sformatf("%s/%m.bin", folder), "wb");
      times = $fopen($sformatf("%s/%m.times", folder), "wb");
    end
  always_ff @(posedge clk)
    if (beats != 0 && !rst) begin
      if (push) $fwrite(beats, "%u", in_data);
      if (push) $fwrite(times, "%u", {1'b0, 31'($time)});
      if (pop) $fwrite(times, "%u", {1'b1, 31'($time)});
    end
`endif
endmodule
