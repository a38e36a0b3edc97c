{{/* A Service down to its ports. Takes a component, the dict that _names.tpl describes. */}}

{{- define "embargo-butler.service" -}}
{{- $balancer := eq .values.service.type "LoadBalancer" -}}
apiVersion: v1
kind: Service
{{ $called := ternary "redis" (printf "%s-%s" (include "embargo-butler.fullname" .root) .name) (eq .name "redis") -}}
{{ include "embargo-butler.metadata" (merge (dict "called" $called) .) }}
  {{- $metallb := dict }}
  {{- with .values.service }}
  {{- if and $balancer .pool }}{{ $_ := set $metallb "metallb.io/address-pool" .pool }}{{ end }}
  {{- if and $balancer .address }}{{ $_ := set $metallb "metallb.io/loadBalancerIPs" .address }}{{ end }}
  {{- with merge (deepCopy .annotations) $metallb }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ .type }}
  {{- if $balancer }}
  allocateLoadBalancerNodePorts: false
  {{- with .sourceRanges }}
  loadBalancerSourceRanges:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- end }}
  selector:
    {{- include "embargo-butler.selector" . | nindent 4 }}
{{- end }}
