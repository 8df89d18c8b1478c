// The place, in EO bits, of the largest of the C elements of E bits of a position, of equal ones the first.
// P positions per frame in beats of G; a place leaves with the last beat: P*(C/G) cycles per frame.
module blendir_argmax #(
  parameter int C = 1,
  parameter int G = 1,
  parameter int E = 1,
  parameter int IS_SIGNED = 0,
  parameter int EO = 1
) (
  input  logic clk,
  input  logic rst,
  input  logic [G*E-1:0] in_data,
  input  logic in_valid,
  output logic in_ready,
  output logic [EO-1:0] out_data,
  output logic out_valid,
  input  logic out_ready
);
  localparam int LEVELS = $clog2(G);
  localparam int LATENCY = LEVELS + 2;

  function automatic logic larger(input logic [E-1:0] x, input logic [E-1:0] than);
    larger = IS_SIGNED != 0 ? $signed(x) > $signed(than) : x > than;
  endfunction

  wire advance = !out_valid || out_ready;
  assign in_ready = advance;

  // The best of a beat: a tree of comparisons, a level per stage, of which the first holds the beat.
  logic [E-1:0] value[LEVELS+1][G];
  logic [EO-1:0] place[LEVELS+1][G];
  logic [LEVELS:0] valid;
  for (genvar g = 0; g < G; g++) begin : g_leaf
    always_ff @(posedge clk) if (advance) value[0][g] <= in_data[g*E+:E];
    assign place[0][g] = EO'(g);
  end
  for (genvar l = 1; l <= LEVELS; l++) begin : g_level
    for (genvar n = 0; n << l < G; n++) begin : g_node
      if ((2 * n + 1) << (l - 1) < G) begin : g_pair
        wire second = larger(value[l-1][2*n+1], value[l-1][2*n]);
        always_ff @(posedge clk) begin
          if (advance) begin
            value[l][n] <= second ? value[l-1][2*n+1] : value[l-1][2*n];
            place[l][n] <= second ? place[l-1][2*n+1] : place[l-1][2*n];
          end
        end
      end else begin : g_single
        always_ff @(posedge clk) begin
          if (advance) begin
            value[l][n] <= value[l-1][2*n];
            place[l][n] <= place[l-1][2*n];
          end
        end
      end
    end
  end
  always_ff @(posedge clk) begin
    if (rst) valid <= '0;
    else if (advance) valid <= (LEVELS + 1)'({valid, in_valid});
  end

  // The best of the beats so far.
  logic [EO-1:0] first;  // place of the beat's first element
  logic [E-1:0] best_value;
  logic [EO-1:0] best_place;
  wire ends = first == EO'(C - G);
  wire better = first == '0 || larger(value[LEVELS][0], best_value);
  wire [EO-1:0] here = better ? first + place[LEVELS][0] : best_place;
  always_ff @(posedge clk) begin
    if (rst) begin
      first <= '0;
      out_valid <= 1'b0;
    end else if (advance) begin
      out_valid <= valid[LEVELS] && ends;
      if (valid[LEVELS]) first <= ends ? '0 : first + EO'(G);
    end
    if (advance && valid[LEVELS]) begin
      if (better) best_value <= value[LEVELS][0];
      best_place <= here;
    end
    if (advance) out_data <= here;
  end
endmodule
