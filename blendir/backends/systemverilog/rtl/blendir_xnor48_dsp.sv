// p = a xnor b of 48 lanes in a DSP48E2, two enabled cycles later: registers at its inputs and at its result. Simulation
// uses the same registers without the primitive.
module blendir_xnor48_dsp (
  input  logic clk,
  input  logic enable,
  input  logic [47:0] a,
  input  logic [47:0] b,
  output logic [47:0] p
);
`ifdef BLENDIR_DSP48E2
  DSP48E2 #(
    .USE_MULT("NONE"), .USE_SIMD("ONE48"), .AMULTSEL("A"), .BMULTSEL("B"), .A_INPUT("DIRECT"), .B_INPUT("DIRECT"),
    .AREG(1), .ACASCREG(1), .BREG(1), .BCASCREG(1), .CREG(1), .PREG(1), .MREG(0), .ADREG(0), .DREG(0),
    .ALUMODEREG(0), .OPMODEREG(0), .INMODEREG(0), .CARRYINREG(0), .CARRYINSELREG(0)
  ) dsp (
    .CLK(clk), .A(a[47:18]), .B(a[17:0]), .C(b), .D(27'd0), .P(p),
    .ALUMODE(4'b0101), .OPMODE(9'b000110011), .INMODE(5'd0), .CARRYIN(1'b0), .CARRYINSEL(3'd0),
    .CEA1(1'b0), .CEA2(enable), .CEB1(1'b0), .CEB2(enable), .CEC(enable), .CEP(enable),
    .CED(1'b0), .CEAD(1'b0), .CEM(1'b0), .CEALUMODE(1'b0), .CECTRL(1'b0), .CEINMODE(1'b0), .CECARRYIN(1'b0),
    .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTD(1'b0), .RSTM(1'b0), .RSTP(1'b0), .RSTALUMODE(1'b0), .RSTCTRL(1'b0),
    .RSTINMODE(1'b0), .RSTALLCARRYIN(1'b0)
  );
`else
  logic [47:0] left, right;
  always_ff @(posedge clk)
    if (enable) begin
      left <= a;
      right <= b;
      p <= left ~^ right;
    end
`endif
endmodule
