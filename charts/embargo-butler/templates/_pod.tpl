{{/* What the pods of all five components share. Each takes a component, the dict that _names.tpl describes. */}}

{{- /* Fields of a pod's spec. */}}
{{- define "embargo-butler.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ int64 .values.runAsUser }}
  runAsGroup: {{ int64 .values.runAsGroup }}
  {{- with .values.fsGroup }}
  fsGroup: {{ int64 . }}
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
terminationGracePeriodSeconds: {{ int64 .values.terminationGracePeriodSeconds }}
{{- end }}

{{- /* Fields of a container that do its component's work, or prepare it. */}}
{{- define "embargo-butler.container" -}}
{{ include "embargo-butler.image" . }}
securityContext:
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
  readOnlyRootFilesystem: {{ .values.readOnlyRootFilesystem }}
resources:
  {{- toYaml .values.resources | nindent 2 }}
{{- end }}

{{- define "embargo-butler.image" -}}
{{- with .values.image -}}
image: {{ .registry }}/{{ .repository }}{{ with .tag | default $.tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end }}
imagePullPolicy: {{ .pullPolicy }}
{{- end }}
{{- end }}

{{- /* Environment variables: those that the component must have (a dict, `fixed`), then those of the values, which win.
       A value is text, {secret, key}, or null for none. */}}
{{- define "embargo-butler.env" -}}
{{- $all := dict }}
{{- range $name, $value := .fixed }}{{ $_ := set $all $name $value }}{{ end }}
{{- range $name, $value := .values.env }}{{ $_ := set $all $name $value }}{{ end }}
{{- range $name, $value := $all }}
{{- if kindIs "map" $value }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ $value.secret }}
      key: {{ $value.key | quote }}
{{- else if not (kindIs "invalid" $value) }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The same for what speaks to Redis: its address and password come first. */}}
{{- define "embargo-butler.clientEnv" -}}
{{- $fixed := dict "REDIS_HOST" "redis" "REDIS_PASSWORD" .root.Values.redis.password }}
{{- include "embargo-butler.env" (dict "values" .values "fixed" (merge $fixed (.fixed | default dict))) }}
{{- end }}

{{- /* `replicas` of a component, left out where null, so that what somebody scaled by hand stays. */}}
{{- define "embargo-butler.replicas" -}}
{{- if not (kindIs "invalid" .values.replicas) -}}
replicas: {{ int64 .values.replicas }}
{{- end }}
{{- end }}

{{- /* The new pod is there before the old one goes: nothing is unreachable meanwhile, and a bad image leaves the old one at work. */}}
{{- define "embargo-butler.rollingUpdate" -}}
strategy:
  type: RollingUpdate
  rollingUpdate:
    maxSurge: 1
    maxUnavailable: 0
{{- end }}
