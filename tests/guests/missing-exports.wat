;; A provider that leaves out most of the contract.
(component
  (core module $m (func (export "f")))
  (core instance $i (instantiate $m))
  (func $f (canon lift (core func $i "f")))
  (instance $provider
    (export "describe" (func $f))
    (export "create" (func $f)))
  (export "cofferdam:provider/provider@0.1.0" (instance $provider)))
