{{/* What the Services share. Each takes a component, the dict that _names.tpl describes. */}}

{{- /* Annotations of a Service: MetalLB's pool and fixed address. */}}
{{- define "embargo-butler.serviceAnnotations" -}}
{{- with .values.service }}
{{- if eq .type "LoadBalancer" }}
{{- with .pool }}
metallb.io/address-pool: {{ . }}
{{- end }}
{{- with .address }}
metallb.io/loadBalancerIPs: {{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "embargo-butler.serviceType" -}}
type: {{ .values.service.type }}
{{- if eq .values.service.type "LoadBalancer" }}
allocateLoadBalancerNodePorts: false
{{- end }}
{{- end }}
