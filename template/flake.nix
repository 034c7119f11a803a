{
  description = "my-service";

  inputs.pcf-api.url = "git+https://example.com/platform/pcf-api";

  outputs = { pcf-api, ... }: pcf-api.lib.service ./.;
}
