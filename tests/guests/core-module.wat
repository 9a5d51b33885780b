;; What `wasm32-unknown-unknown` makes: a module, not a component.
(module
  (func (export "run")))
