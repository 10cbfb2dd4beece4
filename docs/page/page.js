/* Starts the reference page. Addresses are relative, so that it works behind a prefix too. */
"use strict";

window.addEventListener("load", () => {
    if (typeof window.SwaggerUIBundle !== "function") {
        document.querySelector(".wait").textContent = "接口说明未能载入。The reference could not be loaded.";
        return;
    }
    window.SwaggerUIBundle({
        url: new URL("openapi.json", document.baseURI).href,
        dom_id: "#reference",
        deepLinking: true,
        displayOperationId: true,
        displayRequestDuration: true,
        docExpansion: "list",
        defaultModelExpandDepth: 3,
        defaultModelsExpandDepth: 0,
        filter: true,
        persistAuthorization: true,
        showCommonExtensions: true,
        validatorUrl: null,
    });
});
