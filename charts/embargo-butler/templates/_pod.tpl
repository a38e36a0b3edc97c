{{/* What all pods share. Each takes a component, the dict that _names.tpl describes; further entries are said where they count. */}}

{{- /* A Deployment down to the metadata of its pods. With `annotations` (of the pods, a dict) and `strategy` if it is another one. */}}
{{- define "embargo-butler.deployment" -}}
apiVersion: apps/v1
kind: Deployment
{{ $called := printf "%s-%s" (include "embargo-butler.fullname" .root) (.app | default .name) -}}
{{ include "embargo-butler.metadata" (merge (dict "called" $called) .) }}
spec:
  {{- $replicas := include "embargo-butler.replicas" .values }}
  {{- /* Left out where null, so that what somebody scaled by hand stays. */}}
  {{- if $replicas }}
  replicas: {{ $replicas }}
  {{- end }}
  strategy:
    type: {{ .strategy | default "RollingUpdate" }}
    {{- if not .strategy }}
    # The new pod is there before the old one goes: nothing is unreachable meanwhile, and a bad image leaves the old one at work.
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
    {{- end }}
  selector:
    matchLabels:
      {{- include "embargo-butler.selector" . | nindent 6 }}
  template:
    {{- include "embargo-butler.podMetadata" . | nindent 4 }}
{{- end }}

{{- /* The number of pods that the manifest says: none where null, or where KEDA has it, which is told of a suspension itself. */}}
{{- define "embargo-butler.replicas" -}}
{{- if and .suspend (not (.autoscaling | default dict).enabled) }}0{{ else if not (kindIs "invalid" .replicas) }}{{ int64 .replicas }}{{ end }}
{{- end }}

{{- /* Metadata of a pod. */}}
{{- define "embargo-butler.podMetadata" -}}
{{- $pod := merge (deepCopy .values) .root.Values.pods -}}
metadata:
  labels:
    {{- merge (include "embargo-butler.podLabels" . | fromYaml) $pod.podLabels | toYaml | nindent 4 }}
  {{- with merge (deepCopy (.annotations | default dict)) $pod.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- /* Fields of a pod's spec, but for its containers and volumes. With `account` (its ServiceAccount) and `token` (whether it gets
       that one's token). */}}
{{- define "embargo-butler.pod" -}}
{{- $pod := merge (deepCopy .values) .root.Values.pods -}}
{{- /* `merge` would take an empty list or text for none. */}}
{{- range $key := list "tolerations" "priorityClassName" }}
{{- $own := index $.values $key }}
{{- $_ := set $pod $key (ternary (index $.root.Values.pods $key) $own (kindIs "invalid" $own)) }}
{{- end }}
{{- $secrets := list }}
{{- range concat ((.root.Values.global | default dict).imagePullSecrets | default list) ($pod.imagePullSecrets | default list) }}
{{- $secrets = append $secrets (kindIs "map" . | ternary . (dict "name" .)) }}
{{- end }}
{{- $_ := set $pod "imagePullSecrets" (uniq $secrets) }}
{{- with .account -}}
serviceAccountName: {{ . }}
{{ end -}}
automountServiceAccountToken: {{ .token | default false }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  {{- range $key := list "runAsUser" "runAsGroup" "fsGroup" }}
  {{- with get $.values $key }}
  {{ $key }}: {{ int64 . }}
  {{- end }}
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
terminationGracePeriodSeconds: {{ int64 .values.terminationGracePeriodSeconds }}
{{- range $key := list "imagePullSecrets" "priorityClassName" "nodeSelector" "tolerations" "affinity" }}
{{- with get $pod $key }}
{{ dict $key . | toYaml }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Fields of a container that does its component's work, or prepares it. */}}
{{- define "embargo-butler.container" -}}
{{- with .values.image -}}
image: {{ ($.root.Values.global | default dict).imageRegistry | default .registry }}/{{ .repository }}{{ with .tag | default $.tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end }}
imagePullPolicy: {{ .pullPolicy }}
{{- end }}
securityContext:
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
  readOnlyRootFilesystem: {{ .values.readOnlyRootFilesystem }}
resources:
  {{- range $kind, $amounts := .values.resources }}
  {{- with include "embargo-butler.amounts" $amounts | fromJson }}
  {{ dict $kind . | toYaml | nindent 2 | trim }}
  {{- end }}
  {{- end }}
{{- end }}

{{- /* Amounts as texts, as JSON: a number would be written as 1.073741824e+09. */}}
{{- define "embargo-butler.amounts" -}}
{{- $found := dict }}
{{- range $what, $amount := . }}
{{- if not (kindIs "invalid" $amount) }}
{{- if and (kindIs "float64" $amount) (eq (floor $amount) $amount) }}{{ $amount = int64 $amount }}{{ end }}
{{- $_ := set $found $what (toString $amount) }}
{{- end }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{- /* Environment variables: those that the component must have (a dict, `fixed`), then those of the values, which win.
       A value is text, {secret, key}, or null for none. */}}
{{- define "embargo-butler.env" -}}
{{- $all := deepCopy .fixed }}
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

{{- /* Mounts and volumes that every component has, /tmp and those of the values; its own come after them. */}}
{{- define "embargo-butler.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- range $path, $mount := include "embargo-butler.given" .values.volumeMounts | fromJson }}
- {{ merge (dict "mountPath" $path) $mount | toYaml | nindent 2 | trim }}
{{- end }}
{{- end }}

{{- define "embargo-butler.volumes" -}}
- name: tmp
  emptyDir: {}
{{- range $name, $volume := include "embargo-butler.given" .values.volumes | fromJson }}
- {{ merge (dict "name" $name) $volume | toYaml | nindent 2 | trim }}
{{- end }}
{{- end }}

{{- /* A container that serves HTTP by gunicorn: alive is what accepts connections. Its startup probe is its own. */}}
{{- define "embargo-butler.http" -}}
ports:
  - name: http
    containerPort: 8000
livenessProbe:
  tcpSocket: {port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
# The Service forgets the pod first, then gunicorn stops.
{{- /* `embargo-butler.checkGrace` knows of these seconds. */}}
lifecycle:
  preStop:
    sleep: {seconds: 5}
{{- end }}

{{- /* What speaks to Redis is ready as long as Redis answers its own password: without it, what is announced can only be refused or lost,
       and a release with another one must not take the place of pods that work. Bash alone asks, in Redis' own protocol: that is in every
       image, and starts in milliseconds where Python takes a second, and the Rubin stack many. */}}
{{- define "embargo-butler.reachesRedis" -}}
readinessProbe:
  exec:
    command:
      - bash
      - -c
      - |
        LC_ALL=C
        exec 3<> "/dev/tcp/$REDIS_HOST/6379" || exit 1
        printf '*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n*1\r\n$4\r\nPING\r\n' "${#REDIS_PASSWORD}" "$REDIS_PASSWORD" >&3
        read -rt 4 login <&3
        read -rt 4 answer <&3
        [[ $login$answer = +OK*+PONG* ]] || { echo "Redis answers ${login%$'\r'}, ${answer%$'\r'}"; exit 1; }
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 4
{{- end }}
