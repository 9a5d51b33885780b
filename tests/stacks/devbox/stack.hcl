# A development machine's secrets and files, without a cloud: a certificate authority, a server certificate signed by
# it, a database password, a configuration file made from both, and a zip archive of the site.
#
#   cofferdam deploy        writes everything into ./out
#   cofferdam output        shows what others need

stack "devbox" {}

variable "hostname" {
  type        = string
  default     = "devbox.test"
  description = "The name that the server answers to."
}

variable "validity_hours" {
  type        = number
  default     = 720
  description = "How long the server's certificate is valid."
}

locals {
  names        = [var.hostname, "www.${var.hostname}", "localhost"]
  organization = "Devbox ${stack.stage}"
}

# One plugin serves every type below. It may use these two directories and nothing else: no network, no environment,
# no other file.
provider "local" {
  source = "builtin:local"
  grant {
    directory "out" {
      path  = "./out"
      write = true
    }
    directory "site" {
      path = "./site"
    }
  }
}

# The certificate authority.

resource "tls_private_key" "ca" {
  algorithm   = "ECDSA"
  ecdsa_curve = "P384"
}

resource "tls_self_signed_cert" "ca" {
  private_key_pem       = tls_private_key.ca.private_key_pem
  subject               = { common_name = "${local.organization} CA", organization = local.organization }
  validity_period_hours = 87600
  is_ca_certificate     = true
  allowed_uses          = ["cert_signing", "crl_signing"]
}

# The server's key and its certificate, signed by the authority.

resource "tls_private_key" "server" {
  algorithm   = "ECDSA"
  ecdsa_curve = "P256"
}

resource "tls_cert_request" "server" {
  private_key_pem = tls_private_key.server.private_key_pem
  subject         = { common_name = var.hostname, organization = local.organization }
  dns_names       = local.names
  ip_addresses    = ["127.0.0.1"]
}

resource "tls_locally_signed_cert" "server" {
  cert_request_pem      = tls_cert_request.server.cert_request_pem
  ca_private_key_pem    = tls_private_key.ca.private_key_pem
  ca_cert_pem           = tls_self_signed_cert.ca.cert_pem
  validity_period_hours = var.validity_hours
  early_renewal_hours   = 24
  allowed_uses          = ["digital_signature", "server_auth"]
}

resource "local_directory" "tls" {
  directory = "out"
  path      = "tls"
}

resource "local_file" "ca" {
  directory = "out"
  filename  = "${local_directory.tls.path}/ca.pem"
  content   = tls_self_signed_cert.ca.cert_pem
}

resource "local_file" "server" {
  directory = "out"
  filename  = "${local_directory.tls.path}/server.pem"
  content   = tls_locally_signed_cert.server.cert_pem
}

resource "local_file" "server_key" {
  directory       = "out"
  filename        = "${local_directory.tls.path}/server-key.pem"
  content         = tls_private_key.server.private_key_pem
  file_permission = "0600"
}

# The password, and the configuration that holds it. What is made from a secret is secret too.

resource "random_password" "database" {
  length      = 24
  special     = false
  min_numeric = 2
}

resource "local_file" "config" {
  directory       = "out"
  filename        = "app.conf"
  file_permission = "0600"
  content         = <<-EOT
    # Written by the stack `devbox`, stage `${stack.stage}`.

    [server]
    names       = ${join(" ", local.names)}
    certificate = ${local_file.server.filename}
    key         = ${local_file.server_key.filename}
    site        = site.zip
    site_sha256 = ${local_archive.site.output_sha256}

    [database]
    user     = app
    password = ${random_password.database.result}
  EOT
}

# The site, as one file that is the same for the same content.

resource "local_archive" "site" {
  type             = "zip"
  source_directory = "site"
  excludes         = ["**/*.draft.html"]
  output_directory = "out"
  output_path      = "site.zip"
}

output "url" {
  value       = "https://${var.hostname}/"
  description = "Where the site is served."
}

output "certificate_expires" {
  value = tls_locally_signed_cert.server.validity_end_time
}

output "site_sha256" {
  value = local_archive.site.output_sha256
}

output "database_password" {
  value       = random_password.database.result
  sensitive   = true
  description = "For the application alone: cofferdam output database_password"
}
