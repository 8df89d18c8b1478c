// RUN: blendir-opt %s -p 'verify-stage{stage=folded}' --verify-diagnostics --split-input-file | filecheck %s

// CHECK: not at [folded]: blend.relu (act): it is not folded; run fold-bn; blend.unsupported (gelu): aten.erf has no translation
builtin.module @folded {
  func.func @main(%x : tensor<1x2xf64>) -> tensor<1x2xf64> {
    %one = blend.constant dense<1.0> : tensor<2xf64>
    %r = blend.relu %x {layer = "act"} : tensor<1x2xf64>
    %u = blend.unsupported "aten.erf"(%r) {layer = "gelu"} : (tensor<1x2xf64>) -> tensor<1x2xf64>
    func.return %u : tensor<1x2xf64>
  }
}
