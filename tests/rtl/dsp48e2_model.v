// The logic mode of a DSP48E2, for proofs: operand registers, the X and Z multiplexers, the logic unit, P.
// Whatever is outside this mode (arithmetic, multiplier, SIMD, registered controls) makes P unknown.
module DSP48E2 #(
  parameter integer ACASCREG = 1, ADREG = 1, ALUMODEREG = 1, AREG = 1, BCASCREG = 1, BREG = 1,
  parameter integer CARRYINREG = 1, CARRYINSELREG = 1, CREG = 1, DREG = 1, INMODEREG = 1, MREG = 1,
  parameter integer OPMODEREG = 1, PREG = 1,
  parameter AMULTSEL = "A", A_INPUT = "DIRECT", BMULTSEL = "B", B_INPUT = "DIRECT",
  parameter USE_MULT = "MULTIPLY", USE_PATTERN_DETECT = "NO_PATDET", USE_SIMD = "ONE48",
  parameter USE_WIDEXOR = "FALSE"
) (
  input CLK,
  input [29:0] A, ACIN,
  input [17:0] B, BCIN,
  input [47:0] C, PCIN,
  input [26:0] D,
  input [8:0] OPMODE,
  input [3:0] ALUMODE,
  input [4:0] INMODE,
  input [2:0] CARRYINSEL,
  input CARRYIN, CARRYCASCIN, MULTSIGNIN,
  input CEA1, CEA2, CEAD, CEALUMODE, CEB1, CEB2, CEC, CECARRYIN, CECTRL, CED, CEINMODE, CEM, CEP,
  input RSTA, RSTALLCARRYIN, RSTALUMODE, RSTB, RSTC, RSTCTRL, RSTD, RSTINMODE, RSTM, RSTP,
  output [47:0] P
);
  reg [47:0] ab_1 = 0, ab_2 = 0, c_1 = 0, p_1 = 0;

  // With one register A and B use the second stage and its enable; with two, both stages.
  always @(posedge CLK) begin
    if (RSTA) {ab_1[47:18], ab_2[47:18]} <= 0;
    else begin
      if (CEA1) ab_1[47:18] <= A;
      if (CEA2) ab_2[47:18] <= AREG == 2 ? ab_1[47:18] : A;
    end
    if (RSTB) {ab_1[17:0], ab_2[17:0]} <= 0;
    else begin
      if (CEB1) ab_1[17:0] <= B;
      if (CEB2) ab_2[17:0] <= BREG == 2 ? ab_1[17:0] : B;
    end
    if (RSTC) c_1 <= 0;
    else if (CEC) c_1 <= C;
    if (RSTP) p_1 <= 0;
    else if (CEP) p_1 <= result;
  end
  wire [47:0] ab = {AREG == 0 ? A : ab_2[47:18], BREG == 0 ? B : ab_2[17:0]};
  wire [47:0] c = CREG == 0 ? C : c_1;
  assign P = PREG == 0 ? result : p_1;

  reg [47:0] x, z;
  always @* begin
    case (OPMODE[1:0])
      2'b00: x = 48'b0;
      2'b10: x = p_1;
      2'b11: x = ab;
      default: x = 48'bx;
    endcase
    case (OPMODE[6:4])
      3'b000: z = 48'b0;
      3'b001: z = PCIN;
      3'b010: z = p_1;
      3'b011: z = c;
      default: z = 48'bx;
    endcase
  end

  // Y = 0 or all ones selects which of two functions of X and Z an ALUMODE stands for.
  wire logic_mode = OPMODE[8:7] == 2'b00 && OPMODE[2] == 1'b0 && USE_MULT == "NONE" && USE_SIMD == "ONE48"
    && ALUMODEREG == 0 && OPMODEREG == 0;
  reg [47:0] result;
  always @* begin
    case ({logic_mode, OPMODE[3], ALUMODE})
      6'b10_0100, 6'b10_0111, 6'b11_0101, 6'b11_0110: result = x ^ z;
      6'b10_0101, 6'b10_0110, 6'b11_0100, 6'b11_0111: result = ~(x ^ z);
      6'b10_1100: result = x & z;
      6'b10_1101: result = x & ~z;
      6'b10_1110: result = ~(x & z);
      6'b10_1111: result = ~x | z;
      6'b11_1100: result = x | z;
      6'b11_1101: result = x | ~z;
      6'b11_1110: result = ~(x | z);
      6'b11_1111: result = ~x & z;
      default: result = 48'bx;
    endcase
  end
endmodule
