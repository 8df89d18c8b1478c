// Bad use is one line on stderr; the output file is not touched.
// RUN: not blendir-opt %t.none 2>&1 | filecheck %s --check-prefix=MISSING
// RUN: not blendir-opt %s 2>&1 | filecheck %s --check-prefix=VERIFY
// RUN: not blendir-opt -p nope %S/tiny.mlir 2>&1 | filecheck %s --check-prefix=PASS
// RUN: not blendir-opt --nope %S/tiny.mlir 2>&1 | filecheck %s --check-prefix=FLAG
// RUN: not blendir-opt -p 'fold-bn{' %S/tiny.mlir 2>&1 | filecheck %s --check-prefix=PIPELINE
// RUN: echo kept > %t.kept
// RUN: not blendir-opt %s -o %t.kept
// RUN: filecheck %s --check-prefix=KEPT --input-file %t.kept
// RUN: echo 'func.func @main(' | not blendir-translate --to-hls -o %t.dir 2>&1 | filecheck %s --check-prefix=PARSE
// RUN: not blendir-translate --to-hls -o %t.dir < %t.kept
// RUN: blendir-opt --verify-diagnostics %s | filecheck %s --check-prefix=DIAGNOSTIC

// MISSING: blendir-opt: error: {{.*}}.none: No such file or directory
// VERIFY: blendir-opt: error: blend.relu (act): result 'result' at position 0 does not verify: {{.*}} got tensor<1x4xf64>
// PASS: blendir-opt: error: Unrecognized passes: ['nope']
// FLAG: blendir-opt: error: unrecognized arguments: --nope; see --help
// PIPELINE: blendir-opt: error: bad pipeline 'fold-bn{': Expected argument name here
// KEPT: kept
// PARSE: blendir-translate: error: stdin:{{[0-9]+}}:{{[0-9]+}}: Expected
// DIAGNOSTIC: result 'result' at position 0 does not verify
func.func @main(%x: tensor<1x3xf64>) -> tensor<1x4xf64> {
  %y = "blend.relu"(%x) {layer = "act"} : (tensor<1x3xf64>) -> tensor<1x4xf64>
  func.return %y : tensor<1x4xf64>
}
