{{/* What the jobs are given to do: Secrets, and buckets. */}}

{{- define "embargo-butler.checkSecrets" -}}
{{- $secrets := include "embargo-butler.given" .Values.secrets | fromJson }}
{{- range $name, $_ := include "embargo-butler.given" .Values.existingSecrets | fromJson }}
{{- if hasKey $secrets $name }}
{{- include "embargo-butler.mistake" (printf (print
      "Secret %s is in `secrets` and in `existingSecrets`: "
      "it is either copied from Vault or left to somebody else, so leave one of both out")
    $name) }}
{{- end }}
{{- end }}
{{- with .Values.redis.password }}
{{- if hasKey (get $secrets .secret | default dict) (printf "%s.admitted" .key) }}
{{- include "embargo-butler.mistake" (printf (print
      "`secrets.%s` declares the key %s.admitted, "
      "in which the jobs keep what Redis lets in while its password changes: take another name")
    .secret .key) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Can the jobs log in? */}}
{{- define "embargo-butler.checkHooks" -}}
{{- include "embargo-butler.checkImage" (dict "root" . "name" "hooks" "values" .Values.hooks) }}
{{- with .Values.vault.auth }}
{{- $stored := has .method (list "approle" "token" "wrapped") }}
{{- if not $.Values.vault.address }}
{{- if include "embargo-butler.given" $.Values.secrets | fromJson }}
{{- include "embargo-butler.mistake" "`secrets` is given, but `vault.address` is empty: say where Vault is" }}
{{- end }}
{{- if include "embargo-butler.buckets" $ }}
{{- include "embargo-butler.mistake" (print
      "`bucketConfig` is given, but `vault.address` is empty, where the jobs get the owners' keys: "
      "say where Vault is, or set `hooks.buckets` to byHand") }}
{{- end }}
{{- end }}
{{- if and $stored (not .secret.name) (ne .method "wrapped") }}
{{- include "embargo-butler.mistake" (printf (print
      "`vault.auth.method` is %s, but `vault.auth.secret.name` is empty: "
      "name the Secret that the login is made with")
    .method) }}
{{- end }}
{{- if and .secret.name (not $stored) }}
{{- include "embargo-butler.mistake" (printf (print
      "`vault.auth.secret.name` is %s, but `vault.auth.method` is %s, which logs in with the pod's own token: "
      "leave one of both out")
    .secret.name .method) }}
{{- end }}
{{- if hasKey (include "embargo-butler.given" $.Values.secrets | fromJson) .secret.name }}
{{- include "embargo-butler.mistake" (printf (print
      "`vault.auth.secret.name` is %s, which `secrets` declares: "
      "it is needed to read Vault, so make it beforehand under another name")
    .secret.name) }}
{{- end }}
{{- if and $.Values.hooks.audit.enabled (eq .method "wrapped") }}
{{- include "embargo-butler.mistake" (print
      "`hooks.audit.enabled` is true, but `vault.auth.method` is wrapped, whose tokens serve one job once: "
      "take another method, or set the former to false") }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Is the bucket that ingest waits for announced? */}}
{{- define "embargo-butler.checkBuckets" -}}
{{- with .Values.bucketConfig }}
{{- $bucket := splitList "@" ($.Values.ingest.env.BUCKET | default "") | last }}
{{- $fedBy := include "embargo-butler.fedBy" $ }}
{{- $asked := ternary (not (empty .buckets)) (empty $fedBy) (eq $.Values.enqueue.mode "kafka") }}
{{- if and $asked $bucket (not (hasKey .buckets $bucket)) }}
{{- include "embargo-butler.mistake" (printf (print
      "`ingest.env.BUCKET` is %s, but `bucketConfig.buckets` has %s: "
      "ingest would wait for images that nobody announces, so correct the one or the other")
    $.Values.ingest.env.BUCKET (empty .buckets | ternary "none" (keys .buckets | sortAlpha | join ", " | print "only "))) }}
{{- end }}
{{- if and (hasKey .buckets $bucket) (eq $.Values.enqueue.mode "webhook") (not $fedBy) (not (include "embargo-butler.announced" $ | fromJson)) }}
{{- include "embargo-butler.mistake" (printf (print
      "`ingest.env.BUCKET` is %s, but no notification of `bucketConfig.buckets.%s.notifications` has a topic that leads to this enqueue: "
      "give one whose push-endpoint is http://{{ enqueue.address }}:%d/notify, name the host that it has in `enqueue.names`, "
      "or say in `enqueue.fedBy` who else announces here")
    $.Values.ingest.env.BUCKET $bucket (int $.Values.enqueue.service.port)) }}
{{- end }}
{{- end }}
{{- end }}
