{{/* Redis, presence, monitoring. */}}

{{- define "embargo-butler.checkRedis" -}}
{{- include "embargo-butler.checkSecret" (dict "root" . "at" "redis.password" "ref" .Values.redis.password) }}
{{- with .Values.redis }}
{{- if ne (int .service.port) 6379 }}
{{- include "embargo-butler.mistake" (printf (print
      "`redis.service.port` is %d, but the services connect to 6379 of what REDIS_HOST names: "
      "leave the port out")
    (int .service.port)) }}
{{- end }}
{{- if and .persistence.existingClaim .persistence.annotations }}
{{- include "embargo-butler.mistake" (printf (print
      "`redis.persistence.annotations` is given, but `redis.persistence.existingClaim` is %s, which is not made here: "
      "annotate it where it is, and leave the former out")
    .persistence.existingClaim) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "embargo-butler.checkPresence" -}}
{{- with .Values.presence }}
{{- if and .enabled .askedBy (ne .service.type "LoadBalancer") }}
{{- include "embargo-butler.mistake" (printf (print
      "`presence.askedBy` is %s, but `presence.service.type` is %s, which nobody outside of the cluster reaches: "
      "set the type to LoadBalancer, or leave the former empty")
    .askedBy .service.type) }}
{{- end }}
{{- if and .enabled .askedBy (not (or .service.pool .service.address .service.annotations)) }}
{{- include "embargo-butler.mistake" (printf (print
      "`presence.askedBy` is %s, but neither `presence.service.pool` nor `presence.service.address` says "
      "which address it depends on: name one")
    .askedBy) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "embargo-butler.checkMonitoring" -}}
{{- $exporter := dict "root" . "name" "monitoring.exporter" "values" .Values.monitoring.exporter }}
{{- include "embargo-butler.checkImage" $exporter }}
{{- if .Values.monitoring.exporter.enabled }}
{{- include "embargo-butler.checkTag" $exporter }}
{{- else if .Values.monitoring.rules.enabled }}
{{- include "embargo-butler.mistake" (print
      "`monitoring.rules.enabled` is true, but `monitoring.exporter.enabled` is false, "
      "so that Redis would be told to be down for ever: set both to true, or none") }}
{{- end }}
{{- end }}
